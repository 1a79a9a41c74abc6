// Package body reads bodies whole, up to a limit.
package body

import (
	"errors"
	"fmt"
	"io"

	"github.com/fanout-operator/fanout/internal/memory"
)

// ErrTooLarge is returned for a body that exceeds the limit.
var ErrTooLarge = errors.New("body exceeds the limit")

const (
	// first is the room for the beginning of a body, whatever was announced: a head
	// alone must not take what others need. Each further piece is twice as large as the
	// one before, up to largest.
	first   = 4 << 10
	largest = 1 << 20
	// believed is the share of an announced length, one in so many bytes, that has to be
	// there before the rest of it gets its room at once.
	believed = 4
	// atOnce is how much is read without a pause, in bytes.
	atOnce = 64 << 10
)

// Read reads a body to its end. declared is its length as announced, or -1. What it
// takes is taken from account as bytes arrive, and stays taken. The error is ErrTooLarge
// once the limit is passed, memory.ErrUsedUp, and else that of the reader.
func Read(r io.Reader, declared, limit int64, account *memory.Account) ([]byte, error) {
	if declared > limit {
		return nil, ErrTooLarge
	}
	if declared == 0 {
		return nil, nil
	}
	// One byte more than the limit, so that a body of just the limit ends with EOF.
	p := pieces{account: account, declared: declared, most: limit + 1, next: first}
	if declared > 0 {
		p.next = min(first, declared+1) // one more, in which the end is seen
	}
	return p.read(r, limit)
}

func (p *pieces) read(r io.Reader, limit int64) ([]byte, error) {
	err := p.fill(r)
	switch {
	case err != nil:
		p.drop()
		return nil, err
	case p.size > limit:
		p.drop()
		return nil, ErrTooLarge
	case p.size < p.declared: // net/http ends a body at its declared length
		p.drop()
		return nil, fmt.Errorf("read body: %d of %d bytes: %w", p.size, p.declared, io.ErrUnexpectedEOF)
	}
	return p.join()
}

// pieces are a body on its way in.
type pieces struct {
	account  *memory.Account
	declared int64  // -1 where nothing was announced
	most     int64  // no more than this is read
	begun    []byte // the first piece, and all of most bodies
	more     [][]byte
	next     int64 // the room of the next piece
	size     int64
	taken    int64
	run      int  // bytes since the last pause
	inTurn   bool // read within Account.Do: nobody else goes first
}

// room takes room for n bytes, and makes it.
func (p *pieces) room(n int64) (b []byte, ok bool) {
	if p.inTurn {
		return p.account.Make(n)
	}
	return p.account.Room(n)
}

// fill reads to the end, or as much as it may.
func (p *pieces) fill(r io.Reader) error {
	for p.size < p.most {
		piece, err := p.piece()
		if err != nil {
			return err
		}
		had := len(piece)
		piece, err = p.full(r, piece)
		p.size += int64(len(piece) - had)
		p.add(piece)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		p.next = min(2*p.next, largest)
	}
	return nil
}

func (p *pieces) add(piece []byte) {
	switch {
	case len(piece) == 0:
	case p.begun == nil:
		p.begun = piece
	default:
		p.more = append(p.more, piece)
	}
}

// append appends what has come to b.
func (p *pieces) append(b []byte) []byte {
	b = append(b, p.begun...)
	for _, piece := range p.more {
		b = append(b, piece...)
	}
	return b
}

// piece is an empty one, or one for the whole of a body of which enough is there, with
// that.
func (p *pieces) piece() ([]byte, error) {
	if p.size == 0 || p.declared < p.size || p.size < p.declared/believed {
		size := min(p.next, p.most-p.size)
		if p.size > 0 && p.size < p.declared { // what comes beyond its share would be copied for nothing
			size = min(size, max(p.declared/believed-p.size, first))
		}
		piece, ok := p.room(size)
		if !ok {
			return nil, memory.ErrUsedUp
		}
		p.taken += size
		return piece, nil
	}
	all := p.declared + 1
	whole, ok := p.room(all)
	if !ok {
		return nil, memory.ErrUsedUp
	}
	whole = p.append(whole)
	p.drop()
	p.taken = all
	return whole, nil
}

// full reads until there is no more room behind b, and pauses now and then. Unlike io.ReadFull
// it leaves the error as it is: an end in the middle is that of the reader.
func (p *pieces) full(r io.Reader, b []byte) ([]byte, error) {
	for len(b) < cap(b) {
		if p.run >= atOnce && !p.inTurn {
			p.account.Pass()
			p.run = 0
		}
		n, err := r.Read(b[len(b):min(cap(b), len(b)+atOnce)])
		p.run += n
		if b = b[:len(b)+n]; err != nil {
			return b, err
		}
	}
	return b, nil
}

// join makes one of the pieces. Most bodies are one already.
func (p *pieces) join() ([]byte, error) {
	if len(p.more) == 0 {
		if p.begun == nil {
			p.drop()
		}
		return p.begun, nil
	}
	whole, ok := p.room(p.size)
	if !ok {
		p.drop()
		return nil, memory.ErrUsedUp
	}
	whole = p.append(whole)
	p.drop()
	return whole, nil
}

func (p *pieces) drop() {
	p.account.Give(p.taken)
	p.begun, p.more, p.taken = nil, nil, 0
}
