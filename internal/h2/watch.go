package h2

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tick is how often a connection is looked at on which calls wait, and how long nothing
	// may come before it is asked.
	tick = 500 * time.Millisecond
	// askAgain is how long a silent connection is left alone at most that has answered when
	// it was asked, or on which no call waits.
	askAgain = 15 * time.Second
	// maxAsks bounds the questions until something of a response comes. Servers of gRPC end
	// a connection with ENHANCE_YOUR_CALM (too_many_pings) at the fourth PING, calls that are
	// merely slow included; the third may be net/http's, which sends one with RST_STREAM.
	maxAsks = 2
	// maxIdleAsks are those of them while no call waits: the next call has one left.
	maxIdleAsks = 1
	// answerWithin is how long an answer may take, beside the time for what was written
	// before the question, at slowLink bytes a second.
	answerWithin = time.Second
	slowLink     = 512 << 10
	unasked      = -1
)

// watch gives up a connection on which nothing comes back: calls wait, nothing is read,
// and a PING is not answered. TCP would go on for a quarter of an hour where something was
// sent, and ask for 2.5 min where nothing was.
type watch struct {
	frames *frames
	giveUp func()
	spoke  func() // it was asked, and has answered

	// asked is how many bytes were read when the server was asked.
	asked atomic.Int64
	// spent is how many frames of responses were read when it was asked for the last time.
	spent atomic.Int64

	mu    sync.Mutex
	timer *time.Timer
	due   time.Time // before that it says nothing that there is no answer
	calls int
	seen  int64     // bytes read when it was last looked at
	since time.Time // then something had been read
	// fresh is when the first call began of those since the last question, or when
	// something was read after it. Zero for neither.
	fresh   time.Time
	asks    int   // since something of a response was read
	content int64 // frames of responses by then
}

func newWatch(f *frames, giveUp, spoke func()) *watch {
	w := &watch{frames: f, giveUp: giveUp, spoke: spoke, since: time.Now()}
	w.asked.Store(unasked)
	w.spent.Store(unasked)
	return w
}

// silent reports whether the server was asked and has not answered.
func (w *watch) silent() bool {
	asked := w.asked.Load()
	return asked != unasked && asked == w.frames.read.Load()
}

// exhausted reports whether the server may not be asked again in this silence: nobody would
// notice that the connection has died under a further call.
func (w *watch) exhausted() bool { return w.spent.Load() == w.frames.content.Load() }

// begin says that a call waits.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.fresh.IsZero() {
		w.fresh = time.Now()
	}
	if w.calls == 1 && w.asked.Load() == unasked {
		w.seen = w.frames.read.Load()
		w.run(tick)
	}
}

// end says that a call waits no longer.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls--
}

// cut says that the time of a call is up that began to wait when so much had been read.
// Where nothing was read since, the server is asked.
func (w *watch) cut(heard int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked.Load() == unasked && w.frames.read.Load() == heard && w.mayAsk(maxAsks) {
		w.ask(heard)
	}
}

// mayAsk reports whether fewer questions than most were asked in this silence.
func (w *watch) mayAsk(most int) bool {
	if content := w.frames.content.Load(); content != w.content {
		w.content, w.asks = content, 0
	}
	return w.asks < most
}

func (w *watch) ask(read int64) {
	if w.asks++; w.asks == maxAsks {
		w.spent.Store(w.content)
	}
	w.fresh = time.Time{}
	w.asked.Store(read)
	wait := answerWithin + time.Duration(w.frames.unheard())*time.Second/slowLink
	w.due = time.Now().Add(wait)
	w.run(wait)
	go w.frames.ask() // writing may take until the connection is closed
}

func (w *watch) run(wait time.Duration) {
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.tick)
		return
	}
	w.timer.Reset(wait)
}

// tick looks whether something was read.
func (w *watch) tick() {
	w.mu.Lock()
	read, asked := w.frames.read.Load(), w.asked.Load()
	if asked == read {
		early := time.Now().Before(w.due) // it was asked at this very moment
		w.mu.Unlock()
		if !early {
			w.giveUp()
		}
		return
	}
	w.look(read, asked)
	w.mu.Unlock()
	if asked != unasked {
		w.spoke()
	}
}

func (w *watch) look(read, asked int64) {
	now := time.Now()
	switch {
	case asked != unasked && read-asked <= pingSize: // it is there, and has nothing to say
		w.since = now
	case read != w.seen:
		w.since, w.fresh = now, now
	}
	w.asked.Store(unasked)
	w.seen = read
	wait := w.untilAsked(now)
	switch {
	case w.calls == 0 && wait > 0:
		w.run(wait)
	case w.calls == 0:
		if w.mayAsk(maxIdleAsks) {
			w.ask(read)
		}
	case wait > 0:
		w.run(tick)
	case w.mayAsk(maxAsks):
		w.ask(read)
	default:
		w.run(tick)
	}
}

// untilAsked is how long the server may go on saying nothing.
func (w *watch) untilAsked(now time.Time) time.Duration {
	if w.calls == 0 || w.fresh.IsZero() {
		return w.since.Add(askAgain).Sub(now)
	}
	if w.fresh.After(w.since) {
		return w.fresh.Add(tick).Sub(now)
	}
	return w.since.Add(tick).Sub(now)
}

// stop ends the watch of a connection that was closed.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}
