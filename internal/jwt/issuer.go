package jwt

import (
	"context"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// refreshEvery is how often keys are fetched: what an issuer takes away is gone after
	// that long.
	refreshEvery = 5 * time.Minute
	// MaxAge is how long keys are used that cannot be fetched again.
	MaxAge = 24 * time.Hour
	// askEvery is how often a token that names an unknown key may have them fetched.
	askEvery = 30 * time.Second
	// A fetch that failed is repeated after firstPause, then twice that, up to maxPause.
	firstPause = time.Second
	maxPause   = 30 * time.Second
	// patience is how long a call waits for keys.
	patience = 3 * time.Second
)

// Options are those of an Issuer.
type Options struct {
	Config *routeconfig.CallerJWT
	// Dialer connects to the issuer.
	Dialer *dial.Dialer
	// Keys are the issuer's, where it is not asked for them; nil where it is.
	Keys *creds.Derived[*Set]
	// Authorities are those of the issuer's certificate, nil for the public ones.
	Authorities *creds.Derived[*x509.CertPool]
	// Log takes a line when fetching begins to fail, and when it works again.
	Log *slog.Logger
}

// Issuer is one who issues tokens, with the keys that it has now. It is safe for concurrent
// use. It fetches keys from Start to Close, unless they are given.
type Issuer struct {
	name     string
	rules    rules
	algs     []string
	given    *creds.Derived[*Set] // nil where keys are fetched
	fetch    func(context.Context) (*Set, error)
	log      *slog.Logger
	current  atomic.Pointer[held]
	problem  atomic.Pointer[string]
	lifetime context.Context
	end      context.CancelFunc
	begin    sync.Once
	running  sync.WaitGroup
	wake     chan struct{}

	mu    sync.Mutex
	asked time.Time
	// over is closed when the fetch that is under way, or comes next, is over; nil for none.
	over chan struct{}
}

// New returns an Issuer that has no keys yet.
func New(o Options) *Issuer {
	i := &Issuer{
		name: o.Config.Name, rules: newRules(o.Config), algs: o.Config.Algorithms, given: o.Keys, fetch: newFetcher(&o).fetch, log: o.Log,
		wake: make(chan struct{}, 1),
	}
	i.lifetime, i.end = context.WithCancel(context.Background())
	return i
}

// Start begins to fetch keys. It may be called again.
func (i *Issuer) Start() {
	if i.given == nil {
		i.begin.Do(func() { i.running.Go(i.run) })
	}
}

// Close ends fetching, and returns when it has ended.
func (i *Issuer) Close() {
	i.begin.Do(func() {}) // it does not start any more
	i.end()
	i.running.Wait()
}

// Name is the issuer's in the spec.
func (i *Issuer) Name() string { return i.name }

// Issues reports whether a token may be of this issuer, by what it says.
func (i *Issuer) Issues(t *Token) bool { return i.rules.issued(t) }

// Recall returns who an admitted token is of that was judged before, or nil.
func (i *Issuer) Recall(d Digest, now time.Time) *Caller {
	h := i.held(now)
	if h == nil {
		return nil
	}
	return h.verdicts.recall(d, now)
}

// Judge finds out who a token is of, and remembers, or why it is refused. Where keys are
// missing it waits for them, for 3 s at most, or until ctx ends.
func (i *Issuer) Judge(ctx context.Context, t *Token, d Digest) (*Caller, Verdict, Flaw) {
	now := time.Now()
	caller, flaw := i.rules.admit(t, now)
	if caller == nil {
		return nil, Refused, flaw // whoever has signed it
	}
	if !slices.Contains(i.algs, t.alg) {
		return nil, Refused, WrongAlgorithm
	}
	flaw = UnknownKey
	for range 3 { // what was under way may have begun before the key was there
		h := i.held(time.Now())
		if h != nil {
			keys, byName := h.candidates(t)
			for k := range keys {
				if keys[k].signed(t) {
					h.verdicts.remember(d, caller, now)
					return caller, Admitted, NoFlaw
				}
				flaw = BadSignature
			}
			if byName {
				return nil, Refused, flaw
			}
		}
		if over := i.ask(); over == nil || !i.wait(ctx, over) {
			break
		}
	}
	if i.held(time.Now()) == nil {
		return nil, Unjudged, NoFlaw
	}
	return nil, Refused, flaw
}

// ask has the keys fetched, unless somebody has asked for that within 30 s. It returns what
// is closed when they are there, nil where nothing is under way.
func (i *Issuer) ask() <-chan struct{} {
	if i.given != nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over != nil {
		return i.over
	}
	now := time.Now()
	if i.held(now) == nil { // the first fetch is about to begin, or the last one has failed
		if i.problem.Load() != nil {
			return nil
		}
		i.over = make(chan struct{})
		return i.over
	}
	if !i.asked.IsZero() && now.Sub(i.asked) < askEvery {
		return nil
	}
	i.asked = now
	i.over = make(chan struct{})
	select {
	case i.wake <- struct{}{}:
	default:
	}
	return i.over
}

// wait returns false where it was for nothing.
func (i *Issuer) wait(ctx context.Context, over <-chan struct{}) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// run fetches, now and then, until the Issuer is closed. Whoever waits then waits no longer.
func (i *Issuer) run() {
	pause := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-i.lifetime.Done():
			i.finish()
			return
		case <-timer.C:
		case <-i.wake:
		}
		i.announce()
		if i.refresh() {
			pause = 0
			timer.Reset(refreshEvery)
		} else {
			pause = min(max(2*pause, firstPause), maxPause)
			timer.Reset(pause)
		}
		i.finish()
	}
}

// announce says that a fetch is under way.
func (i *Issuer) announce() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over == nil {
		i.over = make(chan struct{})
	}
	select {
	case <-i.wake: // this one is for who asked just now, too
	default:
	}
}

func (i *Issuer) finish() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over != nil {
		close(i.over)
		i.over = nil
	}
}

// refresh fetches the keys. Where they are as they were, so is what is known of tokens.
func (i *Issuer) refresh() bool {
	fetched, err := i.fetch(i.lifetime)
	if i.lifetime.Err() != nil {
		return false
	}
	i.tell(err)
	if err != nil {
		return false
	}
	fresh := &held{fetched, &verdicts{}, time.Now()}
	if before := i.current.Load(); before != nil && slices.Equal(before.names, fetched.names) {
		fresh.verdicts = before.verdicts
	}
	i.current.Store(fresh)
	return true
}

// tell notes what is wrong, and logs when that begins and ends.
func (i *Issuer) tell(err error) {
	before := i.problem.Load()
	if err == nil {
		i.problem.Store(nil)
		if before != nil {
			i.log.Info("issuer's keys fetched", "issuer", i.name)
		}
		return
	}
	why := err.Error()
	i.problem.Store(&why)
	if before == nil || *before != why {
		i.log.Warn("fetch issuer's keys", "issuer", i.name, "reason", why)
	}
}
