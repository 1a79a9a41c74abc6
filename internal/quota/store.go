package quota

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// beatEvery is how often a proxy says that it is there, and counts as long as it has said
	// so within beatLasts.
	beatEvery = 5 * time.Second
	beatLasts = 16 * time.Second
	// A store that does not answer is asked again after a pause that doubles.
	firstPause, longestPause = 20 * time.Millisecond, time.Second
	// maxReturned is how many calls may wait to be given back.
	maxReturned = 1024
	// connectTime bounds the making of a client: a new connection takes longer than a call
	// may wait.
	connectTime = 2 * time.Second
)

// Options are those of a Store.
type Options struct {
	Config    *routeconfig.RateLimitStore
	Namespace string
	// Credentials holds the Secrets of the store, Dialer connects to it.
	Credentials *creds.Store
	Dialer      *dial.Dialer
	// Log is told when the store stops to answer, and when it does again. Default: none.
	Log *slog.Logger
}

// Store is the server that counts. It is safe for concurrent use.
type Store struct {
	options Options
	prefix  string
	budget  time.Duration
	scripts scripts
	name    string // of this proxy
	begun   time.Time

	maker    *connector
	client   atomic.Pointer[rueidis.Client]
	fault    atomic.Pointer[string] // nil where it answers
	failures atomic.Uint64
	kick     chan struct{}
	returned chan string // keys of buckets
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex
	routes map[string]*Route
}

// New returns a Store that begins to connect. Close ends it.
func New(o Options) *Store {
	ctx, stop := context.WithCancel(context.Background())
	unheard := "it has not been reached yet"
	s := &Store{
		options: o, prefix: o.Config.Prefix, budget: time.Duration(o.Config.Timeout), scripts: newScripts(), name: unique(), begun: time.Now(),
		kick: make(chan struct{}, 1), returned: make(chan string, maxReturned), stop: stop, routes: map[string]*Route{},
	}
	s.maker = newConnector(ctx, &o, s.suspect)
	s.fault.Store(&unheard)
	s.running.Go(func() { s.run(ctx) })
	s.running.Go(func() { s.takeBack(ctx) })
	return s
}

// unique tells this proxy from all others.
func unique() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}

// Close gives up the connections, and returns when nothing of the store runs any more.
func (s *Store) Close() {
	s.stop()
	s.running.Wait()
	if client := s.client.Load(); client != nil {
		(*client).Close()
	}
}

// Route is what the proxies of a route count together; assumed is how many there are where
// the store has not counted them yet.
func (s *Store) Route(namespace, name string, assumed int) *Route {
	tag := namespace + "/" + name
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.routes[tag]
	if r == nil {
		r = &Route{store: s, tag: tag}
		r.proxies.Store(int64(assumed))
		s.routes[tag] = r
	}
	r.assumed.Store(int64(assumed))
	return r
}

// Keep forgets the routes that are not in use: nobody counts them any more.
func (s *Store) Keep(used func(*Route) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.routes, func(_ string, r *Route) bool { return !used(r) })
}

// Fault says why the store does not answer; empty where it does.
func (s *Store) Fault() string {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	return ""
}

// Failures counts the requests that were not answered in time.
func (s *Store) Failures() uint64 { return s.failures.Load() }

func (s *Store) take(ctx context.Context, keys, args []string, into []Verdict) error {
	if s.fault.Load() != nil {
		return ErrUnavailable
	}
	limited, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	reply, err := s.scripts.take.Exec(limited, *s.client.Load(), keys, args).AsIntSlice()
	if err == nil && verdicts(reply, into) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // the client has left: nothing is known of the store
	}
	s.failures.Add(1)
	s.fail(err)
	return ErrUnavailable
}

// giveBack has a call given back to a bucket, if there is room for that.
func (s *Store) giveBack(key string) {
	select {
	case s.returned <- key:
	default:
	}
}

// takeBack gives calls back, one after another.
func (s *Store) takeBack(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case key := <-s.returned:
			if s.fault.Load() == nil {
				s.backOnce(ctx, key)
			}
		}
	}
}

func (s *Store) backOnce(ctx context.Context, key string) {
	limited, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	if err := s.scripts.back.Exec(limited, *s.client.Load(), []string{key}, nil).Error(); err != nil && ctx.Err() == nil {
		s.failures.Add(1)
		s.fail(err)
	}
}

// fail has the store left alone until it answers again.
func (s *Store) fail(err error) {
	fault := explain(err, s.budget)
	s.fault.Store(&fault)
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// suspect has the store left alone until its next turn: asked at once, it would do so again.
func (s *Store) suspect(what disorder) {
	fault := what.Error()
	s.fault.Store(&fault)
}

// run keeps the connection, and tells the store that this proxy is there.
func (s *Store) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause, told := firstPause, telling{log: s.options.Log}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-timer.C:
		}
		answers := s.check(ctx)
		if ctx.Err() == nil {
			told.tell(time.Now(), s.Fault())
		}
		if answers {
			pause = firstPause
			timer.Reset(beatEvery)
			continue
		}
		timer.Reset(pause)
		pause = min(2*pause, longestPause)
	}
}

// check connects, where that is lacking, and beats for each route within the budget.
func (s *Store) check(ctx context.Context) bool {
	if err := s.connect(); err != nil {
		if ctx.Err() == nil {
			s.fail(err)
		}
		return false
	}
	for _, r := range s.all() {
		n, err := s.beat(ctx, r)
		if err != nil {
			if ctx.Err() == nil {
				s.fail(err)
			}
			return false
		}
		if time.Since(s.begun) < beatLasts { // others may have begun at the same time
			n = max(n, r.assumed.Load())
		}
		r.proxies.Store(n)
	}
	s.fault.Store(nil)
	return true
}

// connect makes a client where there is none. Once it is made, it connects anew by itself.
func (s *Store) connect() error {
	if s.client.Load() != nil {
		return nil
	}
	client, err := s.maker.client()
	if err != nil {
		return err
	}
	s.client.Store(&client)
	return nil
}

func (s *Store) all() []*Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Route, 0, len(s.routes))
	for _, r := range s.routes {
		list = append(list, r)
	}
	return list
}

func (s *Store) beat(ctx context.Context, r *Route) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	seconds := strconv.Itoa(int(beatLasts.Seconds()))
	return s.scripts.beat.Exec(limited, *s.client.Load(), []string{r.key("proxies")}, []string{s.name, seconds}).AsInt64() // put into words of ours
}
