package rawjson

import "strconv"

// Cursor goes over a valid value once, from its beginning to its end: what nobody asks for
// costs no more than finding where it ends, and of the rest nothing is made but what is
// asked for. It is for whoever knows what a text is to hold.
type Cursor struct {
	text []byte
	at   int
	// Odd is set where a value was of another type than it was asked for. It then is as one
	// that is null, which is of any.
	Odd bool
}

// NewCursor returns one before a value that Scanner.Scan has returned.
func NewCursor(value []byte) *Cursor { return &Cursor{text: value} }

// Raw returns the value and moves on.
func (c *Cursor) Raw() []byte {
	begin := c.at
	c.at = (&Scanner{text: c.text}).value(begin, 0)
	return c.text[begin:c.at]
}

// begins reports whether the value begins with this character; one that does not is left out.
func (c *Cursor) begins(with byte) bool {
	if c.text[c.at] == with {
		return true
	}
	c.Odd = c.Odd || c.text[c.at] != 'n'
	c.Raw()
	return false
}

// Members goes over an object: yield is told the text of each key, and may take the value, once.
func (c *Cursor) Members(yield func(key []byte) bool) {
	if !c.begins('{') {
		return
	}
	c.at = SkipSpace(c.text, c.at+1)
	more := c.text[c.at] != '}'
	if !more {
		c.at++
	}
	for more {
		key, value := scanKey(c.text, c.at)
		name := Unquote(c.text[c.at:key])
		c.at = value
		if !yield(name) {
			return
		}
		if c.at == value {
			c.Raw()
		}
		c.at, more = separator(c.text, c.at, '}')
	}
}

// Elements goes over an array: yield may take each element, once.
func (c *Cursor) Elements(yield func() bool) {
	if !c.begins('[') {
		return
	}
	c.at = SkipSpace(c.text, c.at+1)
	more := c.text[c.at] != ']'
	if !more {
		c.at++
	}
	for more {
		begin := c.at
		if !yield() {
			return
		}
		if c.at == begin {
			c.Raw()
		}
		c.at, more = separator(c.text, c.at, ']')
	}
}

// Text takes a string.
func (c *Cursor) Text() string {
	if !c.begins('"') {
		return ""
	}
	return string(Unquote(c.Raw()))
}

// Bool takes true or false.
func (c *Cursor) Bool() bool {
	switch raw := c.Raw(); raw[0] {
	case 't':
		return true
	case 'f', 'n':
	default:
		c.Odd = true
	}
	return false
}

// Uint takes a whole number that is not negative.
func (c *Cursor) Uint() (n uint64) {
	raw := c.Raw()
	for _, digit := range raw {
		d := uint64(digit - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			c.Odd = c.Odd || raw[0] != 'n'
			return 0
		}
		n = 10*n + d
	}
	return n
}

// Float takes a number.
func (c *Cursor) Float() float64 {
	raw := c.Raw()
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		c.Odd = c.Odd || raw[0] != 'n'
		return 0
	}
	return n
}
