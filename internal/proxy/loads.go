package proxy

import (
	"errors"
	"sync"
	"time"
)

// loads is what became of the documents that a proxy was given. The zero value is none.
type loads struct {
	mu       sync.Mutex
	done     bool      // the last one is served
	served   string    // its hash
	at       time.Time // when it was loaded
	refused  uint64
	rejected string // hash of the last one that was refused; empty where none was since
}

// note takes what became of a document. One that is there again, and served, is no reload; one
// that is refused is looked at every 30 s, and counts once.
func (l *loads) note(now time.Time, hash string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		if l.served != hash {
			l.at = now
		}
		l.done, l.served, l.rejected = true, hash, ""
		return
	}
	if errors.Is(err, ErrClosed) {
		return
	}
	if l.rejected != hash {
		l.refused++
	}
	l.done, l.rejected = false, hash
}

// loads writes metrics of documents, and which one is served.
func (m metrics) loads(l *loads, current *plan) {
	l.mu.Lock()
	done, at, refused := l.done, l.at, l.refused
	l.mu.Unlock()
	m.Gauge("fanout_document_last_reload_successful", "1 where the newest document is served, 0 where it was refused, or there is none.", boolean(done))
	m.Counter("fanout_documents_refused_total", "Documents that were refused.", refused)
	if current == nil {
		return
	}
	m.Gauge("fanout_document_last_reload_success_timestamp_seconds", "When the document that is served was loaded.", seconds(at))
	m.Gauge("fanout_document_info", "1 for the hash of the document that is served.", 1, "document", current.hash)
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
