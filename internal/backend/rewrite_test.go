package backend

import (
	"context"
	"net/netip"
	"testing"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// K3: expressions end with their call, whose end tells what the answer is; without memory
// the backend is overloaded.
func TestK3ExpressionsEndWithTheCall(t *testing.T) {
	t.Parallel()
	over := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	for name, config := range map[string]routeconfig.Backend{
		"when":  {When: "request.body.all(x, x > 0)"},
		"path":  {Request: routeconfig.Request{PathExpression: "'/' + request.method"}},
		"body":  {Request: routeconfig.Request{BodyExpression: "request.body.map(x, x + 1)"}},
		"field": {Request: routeconfig.Request{SetHeaders: []routeconfig.NameValue{{Name: "X-N", Expression: "request.body[0]"}}}},
		"query": {Request: routeconfig.Request{SetQuery: []routeconfig.NameValue{{Name: "n", Expression: "request.body[0]"}}}},
	} {
		b, _ := newBackend(t, config)
		for _, row := range []struct {
			ctx    context.Context // of a row
			budget int64
			want   fanout.Answer
		}{
			{t.Context(), 1 << 20, fanout.Answer{}},
			{t.Context(), 0, fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.Overloaded}},
			{over(fanout.ErrTimeout), 1 << 20, fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Timeout}},
			{over(context.Canceled), 1 << 20, fanout.Answer{Outcome: fanout.Canceled}},
		} {
			budget := &memory.Budget{Limit: row.budget}
			account := budget.Open(netip.Addr{})
			call := newCall("POST")
			call.Body, call.Memory = []byte("[1,2,3]"), account
			input := expression.NewInput(&expression.Request{Method: "POST", Body: call.Body}, account)
			r, refusal := b.Reserve(row.ctx, call, input)
			if got := (fanout.Answer{Outcome: refusal.Outcome, Reason: refusal.Reason}); got.Outcome != row.want.Outcome || got.Reason != row.want.Reason ||
				(r == nil) != (row.want.Outcome != fanout.Pending) {
				t.Errorf("%s: %v, %v, want %v, %v", name, got.Outcome, got.Reason, row.want.Outcome, row.want.Reason)
			}
			input.Close()
			if account.Close(); budget.Used() != 0 {
				t.Errorf("%s: %d bytes are not given back", name, budget.Used())
			}
		}
	}
}
