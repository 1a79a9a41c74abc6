package backend

import (
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
)

// Nothing outlives a backend that was closed.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http's Transport tells it of what nobody has asked for
	goleak.VerifyTestMain(m)
}
