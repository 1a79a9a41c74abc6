package quota

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

// reference reads one message as leniently as the library, and as deep as it goes.
func reference(r *bufio.Reader) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	if len(line) < 3 {
		return errNotRESP
	}
	n, err := strconv.Atoi(line[1 : len(line)-2])
	if strings.IndexByte("$=*~>%", line[0]) >= 0 && err != nil {
		return errNotRESP
	}
	switch line[0] {
	case '$', '=':
		if n >= 0 {
			_, err = io.CopyN(io.Discard, r, int64(n)+2)
			return err
		}
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for range n {
			if err := reference(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// A scanner finds as many messages as the reference in what it takes, and no list that is
// larger or deeper than the bounds.
func FuzzScanner(f *testing.F) {
	f.Add("*2\r\n$3\r\nabc\r\n:-1\r\n+OK\r\n")
	f.Add("%2\r\n+a\r\n*0\r\n+b\r\n~1\r\n_\r\n>2\r\n#t\r\n,1.5\r\n")
	f.Add("$-1\r\n*-1\r\n$0\r\n\r\n(12\r\n-ERR no\r\n=7\r\ntxt:abc\r\n")
	f.Fuzz(func(t *testing.T, bytes string) {
		var s scanner
		found, end := 0, 0
		for i := range len(bytes) {
			complete, err := s.next(bytes[i])
			if err != nil {
				break
			}
			if complete {
				found, end = found+1, i+1
			}
			if s.depth > maxDepth || s.elements > maxElements || s.rest > maxBytes {
				t.Fatalf("%q: out of bounds", bytes)
			}
		}
		r := bufio.NewReader(strings.NewReader(bytes[:end]))
		for i := range found {
			if err := reference(r); err != nil {
				t.Fatalf("%q: message %d of %d: %v", bytes, i, found, err)
			}
		}
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q: more than %d messages", bytes, found)
		}
	})
}

// The bounds are those of a message, not of a connection, and what they admit is admitted.
func TestBoundsOfMessages(t *testing.T) {
	t.Parallel()
	var s scanner
	for range 3 {
		for _, bytes := range []string{
			"*" + strconv.Itoa(maxElements) + "\r\n" + strings.Repeat("_\r\n", maxElements),
			strings.Repeat("*1\r\n", maxDepth) + ":1\r\n", "+" + strings.Repeat("a", maxBytes-3) + "\r\n",
		} {
			found := 0
			for i := range len(bytes) {
				complete, err := s.next(bytes[i])
				if err != nil {
					t.Fatalf("byte %d of %.20q: %v", i, bytes, err)
				}
				if complete {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%.20q: %d messages", bytes, found)
			}
		}
	}
	for bytes, want := range map[string]error{
		"*" + strconv.Itoa(maxElements+1) + "\r\n": errTooLarge, strings.Repeat("*1\r\n", maxDepth+1): errTooLarge,
		"+" + strings.Repeat("a", maxBytes): errTooLarge, ":+1\r\n": errNotRESP, ":\r\n": errNotRESP, "#x\r\n": errNotRESP,
		"_1\r\n": errNotRESP, "$1\r\nab": errNotRESP, "$1\r\na\rb": errNotRESP, "+a\n": errNotRESP, "+a\rb": errNotRESP, "!1\r\n": errNotRESP,
		"$" + strings.Repeat("0", 25): errNotRESP,
	} {
		var s scanner
		var err error
		for i := 0; i < len(bytes) && err == nil; i++ {
			_, err = s.next(bytes[i])
		}
		if !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", bytes, err, want)
		}
	}
}
