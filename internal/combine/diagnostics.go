package combine

import (
	"net/http"
	"strconv"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Diagnose says in the header what became of the call and of each backend.
func (c *Combiner) Diagnose(r *fanout.Result, h http.Header) {
	if c.Diagnostics == routeconfig.DiagnosticsNone {
		return
	}
	lines := []string{r.Outcome.String(), ""}
	h["Fanout-Outcome"] = lines[:1:1]
	if c.Diagnostics == routeconfig.DiagnosticsFull {
		lines[1] = c.list(r)
		h["Fanout-Backends"] = lines[1:]
	}
}

// ForbidRetry tells the client of a failed call not to send it again, where a part of it
// has had an effect that would be doubled. The field is one that SDKs which repeat a 5xx by
// themselves obey (those made by Stainless, as of OpenAI and Anthropic, for example).
func ForbidRetry(r *fanout.Result, h http.Header) {
	if r.Affected() {
		h["X-Should-Retry"] = []string{"false"}
	}
}

// list writes the answers as a list of tokens with parameters (RFC 9651, section
// 3.1). Clocks stand here and in the log, never in a body.
func (c *Combiner) list(r *fanout.Result) string {
	var room [512]byte
	b := room[:0]
	for i := range r.Answers {
		a := &r.Answers[i]
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, c.Backends[i]...)
		b = append(b, ";outcome="...)
		b = append(b, a.Outcome.String()...)
		if a.Reason != fanout.NoReason {
			b = append(b, ";reason="...)
			b = append(b, a.Reason.String()...)
		}
		if a.Status != 0 {
			b = append(b, ";status="...)
			b = strconv.AppendInt(b, int64(a.Status), 10)
		}
		if a.Attempts > 0 {
			b = append(b, ";ms="...)
			b = strconv.AppendInt(b, a.Elapsed.Milliseconds(), 10)
			b = append(b, ";attempts="...)
			b = strconv.AppendInt(b, int64(a.Attempts), 10)
		}
	}
	return string(b)
}
