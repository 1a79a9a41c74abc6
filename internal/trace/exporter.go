package trace

import (
	"context"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// maxQueued bounds the spans that wait, of a route, and the backends of their calls
	// together: some 2 MiB. Those of further calls are dropped.
	maxQueued = 8192
	// maxBatch is how many spans are sent at once, or those of one call.
	maxBatch = 512
	// maxWait is how long a span waits for others.
	maxWait = 5 * time.Second
	// sendTimeout bounds one request.
	sendTimeout = 10 * time.Second
	// maxTries is how often a batch is sent, firstPause and maxPause how long after each other.
	maxTries   = 5
	firstPause = time.Second
	maxPause   = 30 * time.Second
	// farewell is how long what waits may take when the exporter is closed.
	farewell = 2 * time.Second
)

// Options are those of an Exporter. All but Authorities and Headers are required.
type Options struct {
	Config *routeconfig.Tracing
	// Namespace and Route are of whom the spans tell.
	Namespace, Route string
	Dialer           *dial.Dialer
	// Authorities are those of the collector's certificate; nil for the public ones.
	Authorities *creds.Derived[*x509.CertPool]
	// Headers are the fields that the collector is shown; nil for none.
	Headers *creds.Derived[*creds.Snapshot]
	// Log is told when the collector stops and begins to take spans.
	Log *slog.Logger
}

// sender sends encoded spans to a collector, and returns how many of them it has refused.
type sender interface {
	send(ctx context.Context, encoded []byte) (rejected int, err error)
	close()
}

// Exporter sends the spans of a route. It is safe for concurrent use, and nobody but who
// closes it waits for a collector.
type Exporter struct {
	options  Options
	sender   sender
	resource resource
	life     context.Context
	end      context.CancelFunc
	begin    sync.Once
	ended    chan struct{} // closed when nothing is sent any more
	wake     chan struct{} // there is a batch, or the end

	mu     sync.Mutex
	queue  []*Call
	queued int // spans in it
	parts  int // that it takes, see Call.parts
	closed bool

	exported, failures, full, failed, rejected atomic.Uint64
}

// Counts are those of an exporter, from its beginning.
type Counts struct {
	// Exported spans the collector has taken. Failures are requests that it did not take.
	Exported, Failures uint64
	// Of those that it has not, Full were beyond what may wait, Failed were given up, and
	// Rejected it did not want.
	Full, Failed, Rejected uint64
}

// New returns an exporter that sends from when it is started.
func New(o Options) (*Exporter, error) {
	base, err := url.Parse(o.Config.Endpoint)
	if err != nil {
		return nil, errEndpoint // the error repeats it
	}
	return newExporter(o, newWire(&o, base)), nil
}

func newExporter(o Options, s sender) *Exporter {
	e := &Exporter{options: o, sender: s, resource: newResource(&o), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	e.life, e.end = context.WithCancel(context.Background())
	return e
}

// Start begins to send, if that was not begun.
func (e *Exporter) Start() { e.begin.Do(func() { go e.run() }) }

// Counts returns what became of spans so far.
func (e *Exporter) Counts() Counts {
	return Counts{e.exported.Load(), e.failures.Load(), e.full.Load(), e.failed.Load(), e.rejected.Load()}
}

// Add hands over a call that has ended. Where too much waits its spans are dropped.
func (e *Exporter) Add(c *Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.parts+c.parts() > maxQueued {
		e.full.Add(uint64(c.spans())) //nolint:gosec // never negative
		return
	}
	before := e.queued
	e.queue = append(e.queue, c)
	e.queued += c.spans()
	e.parts += c.parts()
	if before == 0 || before < maxBatch && e.queued >= maxBatch {
		e.rouse()
	}
}

func (e *Exporter) rouse() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Close sends what waits, for 2 s at most, and returns when nothing is sent any more.
func (e *Exporter) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.begin.Do(func() { close(e.ended) }) // it has sent nothing
	e.rouse()
	timer := time.AfterFunc(farewell, e.end)
	defer timer.Stop()
	<-e.ended
	e.end()
	e.sender.close()
}

// run sends batches until the exporter is closed.
func (e *Exporter) run() {
	defer close(e.ended)
	health := health{log: e.options.Log, route: e.options.Namespace + "/" + e.options.Route}
	for {
		batch, spans, last := e.next()
		if spans > 0 {
			e.ship(batch, spans, &health)
		} else if last {
			return
		}
	}
}

// next waits for a batch: until it is full, or its first call has waited long enough. last
// says that no other calls come.
func (e *Exporter) next() (batch []*Call, spans int, last bool) {
	timer := time.NewTimer(maxWait)
	timer.Stop()
	defer timer.Stop()
	waiting := false
	for {
		e.mu.Lock()
		due := e.closed || e.queued >= maxBatch
		idle := e.queued == 0
		if due {
			batch, spans = e.take()
		}
		last = e.closed
		e.mu.Unlock()
		switch {
		case due:
			return batch, spans, last
		case !idle && !waiting:
			timer.Reset(maxWait)
			waiting = true
		}
		select {
		case <-e.wake:
		case <-timer.C:
			e.mu.Lock()
			batch, spans = e.take()
			e.mu.Unlock()
			return batch, spans, false
		}
	}
}

// take takes the calls of one batch out of the queue. The lock is held.
func (e *Exporter) take() (batch []*Call, spans int) {
	for len(batch) < len(e.queue) && (len(batch) == 0 || spans+e.queue[len(batch)].spans() <= maxBatch) {
		spans += e.queue[len(batch)].spans()
		e.parts -= e.queue[len(batch)].parts()
		batch = e.queue[:len(batch)+1]
	}
	e.queue = append([]*Call(nil), e.queue[len(batch):]...)
	e.queued -= spans
	return batch, spans
}

// ship sends a batch, a few times where it may be taken later.
func (e *Exporter) ship(batch []*Call, spans int, h *health) {
	encoded, err := e.resource.encode(batch)
	if err != nil { // it is no message: nothing that trying again could heal
		h.fails(err)
		e.failed.Add(uint64(spans)) //nolint:gosec // never negative
		return
	}
	for try := 1; ; try++ {
		rejected, err := e.send(encoded)
		if err == nil {
			h.works()
			rejected = max(0, min(rejected, spans))
			e.exported.Add(uint64(spans - rejected)) //nolint:gosec // never negative
			e.rejected.Add(uint64(rejected))
			return
		}
		e.failures.Add(1)
		if wait, again := retryAfter(err, try); again && e.life.Err() == nil {
			if try > 1 {
				h.fails(err)
			}
			if e.pause(wait) {
				continue
			}
		}
		h.fails(err)
		e.failed.Add(uint64(spans)) //nolint:gosec // never negative
		return
	}
}

func (e *Exporter) send(encoded []byte) (rejected int, err error) {
	ctx, cancel := context.WithTimeout(e.life, sendTimeout)
	defer cancel()
	return e.sender.send(ctx, encoded)
}

// pause waits; it returns false when the exporter is being closed, or is.
func (e *Exporter) pause(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		e.mu.Lock()
		closed := e.closed
		e.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-timer.C:
			return true
		case <-e.wake: // of calls that wait meanwhile, or of the end
		case <-e.life.Done():
			return false
		}
	}
}

// retryAfter says whether a batch is sent again after so many tries, and when.
func retryAfter(err error, try int) (wait time.Duration, again bool) {
	failure, ok := err.(*refusal) //nolint:errorlint // senders return it as it is
	if !ok || !failure.again || try >= maxTries {
		return 0, false
	}
	bound := firstPause << (try - 1)
	return min(max(bound/2+rand.N(bound), failure.wait), maxPause), true
}

// health logs when exporting begins to fail, for another reason, and when it works again. A
// first failure that the next try heals is none: connections die while they are idle.
type health struct {
	log   *slog.Logger
	route string
	why   string // empty while it works
}

func (h *health) fails(err error) {
	if why := err.Error(); why != h.why {
		h.why = why
		h.log.Warn("spans are not exported", "route", h.route, "reason", why)
	}
}

func (h *health) works() {
	if h.why != "" {
		h.why = ""
		h.log.Info("spans are exported again", "route", h.route)
	}
}
