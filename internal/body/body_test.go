package body

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Case B9 of the field.
func TestB9LimitIsExact(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	for _, size := range []int{0, 1, limit - 1, limit, limit + 1, 3 * limit} {
		for name, declared := range map[string]int64{"declared": int64(size), "chunked": -1} {
			sent := bytes.Repeat([]byte{'x'}, size)
			got, err := Read(iotest.OneByteReader(bytes.NewReader(sent)), declared, limit, testkit.Account())
			if size > limit {
				if !errors.Is(err, ErrTooLarge) {
					t.Errorf("%s body of %d bytes: error %v, want ErrTooLarge", name, size, err)
				}
				continue
			}
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%s body of %d bytes: got %d bytes, error %v", name, size, len(got), err)
			}
		}
	}
}

func TestReadTellsATruncatedBody(t *testing.T) {
	t.Parallel()
	if _, err := Read(strings.NewReader("short"), 10, 100, testkit.Account()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want ErrUnexpectedEOF", err)
	}
	broken := iotest.ErrReader(io.ErrClosedPipe)
	if _, err := Read(broken, -1, 100, testkit.Account()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want the reader's own", err)
	}
}

func TestReadWithLimitZeroTakesOnlyEmptyBodies(t *testing.T) {
	t.Parallel()
	if _, err := Read(strings.NewReader(""), -1, 0, testkit.Account()); err != nil {
		t.Errorf("empty chunked body: %v", err)
	}
	if _, err := Read(strings.NewReader("x"), -1, 0, testkit.Account()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte: error %v, want ErrTooLarge", err)
	}
}

// A body whose length is announced takes, while it comes, no more than a quarter on top of itself:
// so much of it is copied.
func TestAnnouncedBodiesAreCopiedInPart(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16<<10 + 4, 64 << 10, 200_000, 1 << 20} {
		budget := &memory.Budget{Limit: int64(size + 1 + size/believed + first)}
		content := bytes.Repeat([]byte("x"), size)
		account := budget.Open(netip.Addr{})
		account.Join()
		if got, err := Read(bytes.NewReader(content), int64(size), 2<<20, account); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
		account.Close()
	}
}

// What is read is counted, and given back in the end; beyond the budget nothing is.
func TestBudget(t *testing.T) {
	t.Parallel()
	budget := &memory.Budget{Limit: 100 << 10}
	for _, row := range []struct {
		size     int
		declared int64
		want     error
	}{{0, -1, nil}, {10, -1, nil}, {30 << 10, -1, nil}, {30 << 10, 30 << 10, nil}, {70 << 10, 70 << 10, nil}, {99 << 10, 99 << 10, memory.ErrUsedUp}, {101 << 10, 101 << 10, memory.ErrUsedUp}, {90 << 10, -1, memory.ErrUsedUp}} {
		a := budget.Open(netip.Addr{})
		got, err := Read(iotest.HalfReader(bytes.NewReader(make([]byte, row.size))), row.declared, 1<<20, a)
		if !errors.Is(err, row.want) || err == nil && len(got) != row.size {
			t.Errorf("%d bytes of %d: %d, %v, want %v", row.size, row.declared, len(got), err, row.want)
		}
		if used := budget.Used(); err == nil && used < int64(row.size) || err != nil && used != 0 || used > budget.Limit {
			t.Errorf("%d bytes of %d: %d in use", row.size, row.declared, used)
		}
		a.Join()
		a.Close()
		held := budget.Used()
		a.Close()
		if budget.Used() != 0 || err == nil && row.size > 0 && held == 0 {
			t.Errorf("%d bytes: %d after the end, %d before", row.size, budget.Used(), held)
		}
	}
}
