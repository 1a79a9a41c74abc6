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
	// first is the room for a body of unknown length. Each further piece is twice as
	// large as the one before, up to largest: nothing is copied but once, at the end.
	first   = 4 << 10
	largest = 1 << 20
	// believed is how much of an announced length gets room before a byte arrived.
	believed = 1 << 20
)

// Read reads a body to its end. declared is its length as announced, or -1; the
// announcement is not believed beyond the limit. What it takes is taken from memory,
// and stays taken. The error is ErrTooLarge once the limit is passed, ErrMemory, and
// else that of the reader.
func Read(r io.Reader, declared, limit int64, memory *Account) ([]byte, error) {
	if declared > limit {
		return nil, ErrTooLarge
	}
	if declared == 0 {
		return nil, nil
	}
	// One byte more than the limit, so that a body of just the limit ends with EOF.
	p := pieces{memory: memory, next: min(first, limit+1)}
	if declared > 0 {
		p.next = min(declared, believed) + 1 // one more, in which the end is seen
	}
	err := p.fill(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		p.drop()
		return nil, err
	case p.size > limit:
		p.drop()
		return nil, ErrTooLarge
	case p.size < declared: // net/http ends a body at its declared length
		p.drop()
		return nil, fmt.Errorf("read body: %d of %d bytes: %w", p.size, declared, io.ErrUnexpectedEOF)
	}
	return p.join()
}

// pieces are a body on its way in.
type pieces struct {
	memory *Account
	list   [][]byte
	next   int64 // the room of the next piece
	size   int64
	taken  int64
}

// fill reads to the end.
func (p *pieces) fill(r io.Reader) error {
	for {
		if !p.memory.Take(p.next) {
			return ErrMemory
		}
		p.taken += p.next
		piece, err := full(r, make([]byte, p.next))
		if p.size += int64(len(piece)); len(piece) > 0 {
			p.list = append(p.list, piece)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		p.next = min(2*p.next, largest)
	}
}

// full reads until there is no more room. Unlike io.ReadFull it leaves the error as it
// is: an end in the middle is that of the reader.
func full(r io.Reader, b []byte) ([]byte, error) {
	n := 0
	for n < len(b) {
		m, err := r.Read(b[n:])
		if n += m; err != nil {
			return b[:n], err //nolint:wrapcheck // the caller wraps it
		}
	}
	return b[:n], nil
}

// join makes one of the pieces. Most bodies are one already.
func (p *pieces) join() ([]byte, error) {
	switch len(p.list) {
	case 0:
		p.drop()
		return nil, nil
	case 1:
		return p.list[0], nil
	}
	if !p.memory.Take(p.size) {
		p.drop()
		return nil, ErrMemory
	}
	whole := make([]byte, 0, p.size)
	for _, piece := range p.list {
		whole = append(whole, piece...)
	}
	p.drop()
	return whole, nil
}

func (p *pieces) drop() {
	p.memory.Give(p.taken)
	p.list = nil
}
