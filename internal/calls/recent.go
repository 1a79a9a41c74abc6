package calls

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

const (
	// Attention is how long a route is looked at after somebody has asked.
	Attention = 30 * time.Second
	// MaxRoutes is how many routes of a proxy are looked at at once.
	MaxRoutes = 8
	// MaxCalls and maxBytes bound what is kept of a route; maxOpen bounds its calls under way.
	MaxCalls = 128
	maxBytes = 256 << 10
	maxOpen  = 64
	// perSecond is how many calls of a route are looked at in a second: a person sees no more,
	// and the others run as if nobody looked.
	perSecond = 16
)

// ErrTooMany is the error where MaxRoutes routes are looked at already.
var ErrTooMany = errors.New("too many routes of this proxy are looked at: ask again in half a minute")

// Desk is what the routes of one proxy have in common: how many are looked at.
type Desk struct {
	process string
	looked  atomic.Int32
}

// NewDesk returns a Desk at which nobody looks.
func NewDesk() *Desk { return &Desk{process: fmt.Sprintf("%016x", rand.Uint64())} }

// Recent is the last calls of one route, while somebody looks. It is safe for concurrent use.
type Recent struct {
	desk   *Desk
	wanted atomic.Bool

	mu     sync.Mutex
	timer  *time.Timer // ends the attention
	asked  time.Time
	until  time.Time
	last   uint64 // ID of a call
	seq    uint64 // of the last call that ended
	missed uint64
	second int64 // since asked, of begun
	begun  int
	open   []*Entry
	ended  []ended // the oldest first
	bytes  int
}

// ended is a call of which nothing changes any more.
type ended struct {
	call    Call
	arrived time.Time
	seq     uint64
	bytes   int
}

// NewRecent returns one of a route of the proxy with the desk.
func NewRecent(d *Desk) *Recent { return &Recent{desk: d} }

// Entry is a call that is looked at.
type Entry struct {
	of     *Recent
	id     uint64
	rule   string
	method string
	names  []string
	record *fanout.Record
}

// Wanted reports whether somebody looks.
func (r *Recent) Wanted() bool { return r.wanted.Load() }

// Begin has a call looked at; nil where nobody does, or where enough others are. Names are those
// of its backends, then of its shadows; they are kept. The entry does nothing before Follow, and
// Done is to be called with the record's own.
func (r *Recent) Begin(now time.Time, httpMethod, rule string, names []string) *Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wanted.Load() {
		return nil
	}
	if second := int64(now.Sub(r.asked) / time.Second); second != r.second {
		r.second, r.begun = second, 0
	}
	if r.begun++; r.begun > perSecond || len(r.open) >= maxOpen {
		r.missed++
		return nil
	}
	r.last++
	return &Entry{of: r, id: r.last, rule: rule, method: method(httpMethod), names: names}
}

// Follow shows the call from now on.
func (e *Entry) Follow(record *fanout.Record) {
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	e.record = record
	e.of.open = append(e.of.open, e)
}

// Abandon forgets a call that was not made; there may be no entry.
func (e *Entry) Abandon() {
	if e == nil {
		return
	}
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	e.of.close(e)
}

// close takes the entry out of the open ones; it is none where attention has ended meanwhile.
func (r *Recent) close(e *Entry) (was bool) {
	i := slices.Index(r.open, e)
	if i >= 0 {
		r.open = slices.Delete(r.open, i, i+1)
	}
	return i >= 0
}

// Done keeps a call that has ended.
func (e *Entry) Done(record *fanout.Record) {
	recorded := record.Recorded()
	call := e.told(&recorded)
	size := size(&call)
	r := e.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.close(e) {
		return
	}
	r.seq++
	r.ended = append(r.ended, ended{call: call, arrived: recorded.Arrived, seq: r.seq, bytes: size})
	r.bytes += size
	for len(r.ended) > MaxCalls || r.bytes > maxBytes {
		r.bytes -= r.ended[0].bytes
		r.ended = r.ended[1:]
	}
}

func (e *Entry) told(of *fanout.Recorded) Call {
	c := told(of, e.names)
	c.ID, c.Method, c.Rule = e.id, e.method, e.rule
	return c
}

// What a call, a lane and an attempt take, in bytes, texts aside: those are shared.
const (
	callBytes, laneBytes, attemptBytes = 256, 192, 144
)

func size(c *Call) int {
	n := callBytes + len(c.Lanes)*laneBytes
	for i := range c.Lanes {
		n += len(c.Lanes[i].Attempts) * attemptBytes
	}
	return n
}

// Ask returns the calls that ended after a number, and those under way. From now on calls are
// kept, for Attention.
func (r *Recent) Ask(now time.Time, after uint64) (*Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.attend(now); err != nil {
		return nil, err
	}
	report := &Report{Version: ReportVersion, Process: r.desk.process, Seq: r.seq, Missed: r.missed, Calls: []Call{}, Backends: []Backend{}}
	age := func(arrived time.Time) float64 { return float64(now.Sub(arrived).Microseconds()) / 1000 }
	for _, e := range r.open {
		recorded := e.record.Recorded()
		c := e.told(&recorded)
		c.Open, c.AgeMS = true, age(recorded.Arrived)
		report.Calls = append(report.Calls, c)
	}
	if after > r.seq {
		after = 0 // it is the number of another process
	}
	for i := range r.ended {
		if e := &r.ended[i]; e.seq > after {
			c := e.call
			c.AgeMS = age(e.arrived)
			report.Calls = append(report.Calls, c)
		}
	}
	return report, nil
}

// attend keeps calls for some time to come.
func (r *Recent) attend(now time.Time) error {
	r.until = now.Add(Attention)
	if r.wanted.Load() {
		return nil // the timer finds that it is early
	}
	if r.desk.looked.Add(1) > MaxRoutes {
		r.desk.looked.Add(-1)
		return ErrTooMany
	}
	r.asked, r.second, r.begun, r.missed = now, 0, 0, 0
	r.timer = time.AfterFunc(Attention, r.forget)
	r.wanted.Store(true)
	return nil
}

// forget lets everything go: nobody looks any more.
func (r *Recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := time.Until(r.until); left > 0 {
		r.timer.Reset(left)
		return
	}
	r.wanted.Store(false)
	r.open, r.ended, r.bytes = nil, nil, 0
	r.desk.looked.Add(-1)
}
