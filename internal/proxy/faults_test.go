package proxy

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// One line tells that a backend fails, however many calls do and some between them do not, one
// that it fails for another cause, and one that it has answered again for a while.
func TestFaultsAreToldOnceAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &bytes.Buffer{}
		f, log := &faults{}, slog.New(slog.NewTextHandler(out, nil))
		for _, row := range []struct {
			span  time.Duration
			cause fanout.Cause
			also  fanout.Cause // every other time
			want  string
		}{
			{time.Minute, fanout.NoCause, fanout.NoCause, ""},
			{time.Minute, fanout.ConnectionRefused, fanout.NoCause, "fails:connectionRefused"},
			{time.Minute, fanout.ConnectTimeout, fanout.ConnectTimeout, "fails:connectTimeout"},
			{4 * time.Second, fanout.NoCause, fanout.NoCause, ""},
			{time.Second, fanout.ConnectTimeout, fanout.NoCause, ""},
			{time.Minute, fanout.NoCause, fanout.NoCause, "answers:"},
			{21 * time.Second, fanout.ConnectionRefused, fanout.ConnectTimeout, "fails:connectionRefused fails:connectTimeout fails:connectionRefused"},
		} {
			out.Reset()
			for i := range int(row.span / (100 * time.Millisecond)) {
				cause := row.cause
				if i%2 == 1 {
					cause = row.also
				}
				a := &fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Connect, Cause: cause}
				if cause == fanout.NoCause {
					a = &fanout.Answer{Outcome: fanout.Succeeded, Status: 200}
				}
				f.note(time.Now(), log, "shop/orders", "one", a)
				time.Sleep(100 * time.Millisecond)
			}
			var told []string
			for line := range strings.Lines(out.String()) {
				_, rest, _ := strings.Cut(line, `msg="backend `)
				message, _, _ := strings.Cut(rest, `"`)
				_, rest, _ = strings.Cut(line, "cause=")
				cause, _, _ := strings.Cut(rest, " ")
				told = append(told, message+":"+cause)
			}
			if got := strings.Join(told, " "); got != row.want {
				t.Errorf("%v, %v for %v: %q, want %q", row.cause, row.also, row.span, got, row.want)
			}
		}
	})
}
