package carrier

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing outlives a carrier that was closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
