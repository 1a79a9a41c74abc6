package h2

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tick is how often a connection is looked at on which calls wait.
	tick = 500 * time.Millisecond
	// maxPatience is how long a silent connection is left alone at most that has answered
	// when it was asked: a server that is slow gets fewer and fewer questions, until a
	// further call begins.
	maxPatience = 15 * time.Second
	// answerWithin is how long an answer may take, beside the time for what was written
	// before the question, at slowLink bytes a second.
	answerWithin = time.Second
	slowLink     = 512 << 10
	unasked      = -1
)

// watch gives up a connection on which nothing comes back: calls wait, nothing is read,
// and a PING is not answered. TCP would go on for a quarter of an hour.
type watch struct {
	frames *frames
	giveUp func()
	spoke  func() // it was asked, and has answered

	// asked is how many bytes were read when the server was asked.
	asked atomic.Int64

	mu       sync.Mutex
	timer    *time.Timer
	running  bool
	due      time.Time // before that it says nothing that there is no answer
	calls    int
	seen     int64 // bytes read at the last tick
	quiet    time.Duration
	patience time.Duration
}

// silent reports whether the server was asked and has not answered.
func (w *watch) silent() bool {
	asked := w.asked.Load()
	return asked != unasked && asked == w.frames.read.Load()
}

// begin says that a call waits.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	w.patience = tick
	if !w.running {
		w.seen, w.quiet = w.frames.read.Load(), 0
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
	if w.asked.Load() == unasked && w.frames.read.Load() == heard {
		w.ask(heard)
	}
}

func (w *watch) ask(read int64) {
	w.asked.Store(read)
	wait := answerWithin + time.Duration(w.frames.unheard())*time.Second/slowLink
	w.due = time.Now().Add(wait)
	w.run(wait)
	go w.frames.ask() // writing may take until the connection is closed
}

func (w *watch) run(wait time.Duration) {
	w.running = true
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
	switch {
	case asked != unasked && read-asked <= pingSize: // it is there, and has nothing to say
		w.patience, w.quiet = min(4*w.patience, maxPatience), 0
	case read != w.seen:
		w.patience, w.quiet = tick, 0
	default:
		w.quiet += tick
	}
	w.asked.Store(unasked)
	w.seen = read
	switch {
	case w.calls == 0:
		w.running = false
	case w.quiet >= w.patience:
		w.ask(read)
	default:
		w.run(tick)
	}
}

// stop ends the watch of a connection that was closed.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}
