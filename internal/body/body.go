// Package body reads bodies whole, up to a limit.
package body

import (
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge is returned for a body that exceeds the limit.
var ErrTooLarge = errors.New("body exceeds the limit")

const (
	// first is the room for a body of unknown length.
	first = 4 << 10
	// believed is how much of an announced length gets room before a byte arrived.
	believed = 1 << 20
)

// Read reads a body to its end. declared is its length as announced, or -1; the
// announcement is not believed beyond the limit. The error is ErrTooLarge once the
// limit is passed, and else that of the reader.
func Read(r io.Reader, declared, limit int64) ([]byte, error) {
	if declared > limit {
		return nil, ErrTooLarge
	}
	if declared == 0 {
		return nil, nil
	}
	// One byte more than the limit, so that a body of just the limit ends with EOF.
	limited := io.LimitReader(r, limit+1)
	if declared > 0 {
		return readDeclared(limited, declared)
	}
	b, err := readAll(limited, make([]byte, 0, min(first, limit+1)))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, ErrTooLarge
	}
	return b, nil
}

// readDeclared relies on net/http to end the body at its declared length.
func readDeclared(r io.Reader, declared int64) ([]byte, error) {
	// One byte more, in which the end is seen without growing.
	b, err := readAll(r, make([]byte, 0, min(declared, believed)+1))
	if err == nil && int64(len(b)) < declared {
		err = fmt.Errorf("read body: %d of %d bytes: %w", len(b), declared, io.ErrUnexpectedEOF)
	}
	return b, err
}

func readAll(r io.Reader, b []byte) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
}
