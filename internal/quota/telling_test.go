package quota

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Each change is one line, and those of a store that comes and goes are one a second.
func TestChangesOfAStoreAreTold(t *testing.T) {
	t.Parallel()
	log := &testkit.Log{}
	told, now := telling{log: slog.New(slog.NewJSONHandler(log, nil))}, time.Now()
	for _, step := range []struct {
		after time.Duration
		fault string
		lines int
	}{
		{0, "", 0}, {0, "connect", 1}, {time.Minute, "connect", 1}, {time.Minute, "", 2}, {time.Millisecond, "connect", 2}, {time.Millisecond, "", 2},
		{time.Second, "late", 3}, {time.Second, "connect", 4}, {time.Second, "", 5},
	} {
		now = now.Add(step.after)
		told.tell(now, step.fault)
		if n := strings.Count(log.String(), "\n"); n != step.lines {
			t.Errorf("after %+v: %d lines: %s", step, n, log)
		}
	}
	if lines := log.Lines(t, "store of rate limits does not answer"); len(lines) != 3 || fmt.Sprint(lines[1]["level"], lines[1]["reason"]) != "WARNlate" {
		t.Errorf("told %v", lines)
	}
	(&telling{}).tell(now, "connect") // where nobody listens
}

// A store that was never reached is told, without a call.
func TestAStoreThatIsDownIsTold(t *testing.T) {
	t.Parallel()
	log := &testkit.Log{}
	s := New(Options{
		Config: settings("127.0.0.1:1"), Namespace: testkit.Namespace, Dialer: dial.New(dial.Options{AllowLoopback: true}), Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	t.Cleanup(s.Close)
	soon(t, func() bool {
		return strings.Contains(log.String(), `"level":"WARN","msg":"store of rate limits does not answer","reason":`)
	},
		func() string { return "logged " + log.String() })
}
