package wire

import (
	"errors"
	"os"
	"time"
)

// glance is how long it may take to look at what TLS has to say for itself, such as a ticket, and
// how long a writer may take to say that it is done.
const glance = time.Millisecond

// Silent reports whether nothing has come on a connection that is free, not even its end: what
// comes unasked would be taken for the next response.
func (c *Conn) Silent() bool {
	if c.in.Buffered() > 0 {
		return false
	}
	silent, known := c.socket.silent()
	if silent {
		return true
	}
	until := time.Unix(1, 0) // an end that is known already is seen all the same
	if known {
		until = time.Now().Add(glance)
	}
	_ = c.options.Conn.SetReadDeadline(until)
	_, err := c.in.Peek(1)
	_ = c.options.Conn.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}
