package h1_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing outlives a pool that was closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
