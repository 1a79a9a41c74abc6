package body

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Case B9 of the field.
func TestB9LimitIsExact(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	for _, size := range []int{0, 1, limit - 1, limit, limit + 1, 3 * limit} {
		for name, declared := range map[string]int64{"declared": int64(size), "chunked": -1} {
			sent := bytes.Repeat([]byte{'x'}, size)
			got, err := Read(iotest.OneByteReader(bytes.NewReader(sent)), declared, limit)
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
	if _, err := Read(strings.NewReader("short"), 10, 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want ErrUnexpectedEOF", err)
	}
	broken := iotest.ErrReader(io.ErrClosedPipe)
	if _, err := Read(broken, -1, 100); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want the reader's own", err)
	}
}

func TestReadWithLimitZeroTakesOnlyEmptyBodies(t *testing.T) {
	t.Parallel()
	if _, err := Read(strings.NewReader(""), -1, 0); err != nil {
		t.Errorf("empty chunked body: %v", err)
	}
	if _, err := Read(strings.NewReader("x"), -1, 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte: error %v, want ErrTooLarge", err)
	}
}
