package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/fanout-operator/fanout/internal/calls"
)

// Heard is what one proxy says of the calls of a route, or why it says nothing.
type Heard struct {
	Proxy  string
	Report *calls.Report
	Silent string
}

// Cursor is where a reader of several proxies stands, by their names.
type Cursor map[string]uint64

// maxCursor bounds a cursor, in bytes.
const maxCursor = 16 << 10

// ReadCursor reads what Gather has written; of anything else it takes nothing.
func ReadCursor(text string) Cursor {
	c := Cursor{}
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(text) <= maxCursor {
		_ = json.Unmarshal(raw, &c) // what is none of ours names no proxy
	}
	return c
}

func (c Cursor) String() string {
	raw, err := json.Marshal(c)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) > maxCursor {
		return "" // the next reading has all of it again
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Gather puts together what the proxies of a route say. Calls stand by their age, the youngest
// first.
func Gather(heard []Heard) *Calls {
	all := &Calls{Proxies: len(heard), Calls: []Call{}, Backends: []calls.Backend{}}
	cursor := Cursor{}
	for _, h := range heard {
		if h.Report == nil {
			all.Silent = append(all.Silent, h.Silent)
			continue
		}
		cursor[h.Proxy] = h.Report.Seq
		all.Missed += h.Report.Missed
		for _, c := range h.Report.Calls {
			all.Calls = append(all.Calls, Call{c, h.Proxy})
		}
		for _, b := range h.Report.Backends {
			all.add(b)
		}
	}
	slices.SortStableFunc(all.Calls, func(a, b Call) int {
		switch {
		case a.AgeMS < b.AgeMS:
			return -1
		case a.AgeMS > b.AgeMS:
			return 1
		}
		return 0
	})
	all.Cursor = cursor.String()
	return all
}

// add adds one proxy's part: limits are each proxy's own, and the worst circuit is shown.
func (c *Calls) add(b calls.Backend) {
	i := slices.IndexFunc(c.Backends, func(known calls.Backend) bool { return known.Name == b.Name })
	if i < 0 {
		c.Backends = append(c.Backends, b)
		return
	}
	sum := &c.Backends[i]
	sum.Busy, sum.Slots, sum.Queued, sum.Places = sum.Busy+b.Busy, sum.Slots+b.Slots, sum.Queued+b.Queued, sum.Places+b.Places
	sum.Tokens, sum.Burst = sum.Tokens+b.Tokens, sum.Burst+b.Burst
	order := []string{"", "other", "closed", "halfOpen", "open"}
	if slices.Index(order, b.Circuit) > slices.Index(order, sum.Circuit) {
		sum.Circuit = b.Circuit
	}
}
