package quota

import (
	"testing"

	"go.uber.org/goleak"
)

// The library has one goroutine a client sleep for up to a second before it looks which
// servers there are. It ends by itself, since no closed store dials.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
