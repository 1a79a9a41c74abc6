package backend

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing outlives a backend that was closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
