package quota

import (
	"errors"
	"strings"
	"sync"
)

// maxMessages is how many messages a subscription may bring: its connection is renewed then.
// The library stands still where two subscriptions have brought more than it makes room for.
const maxMessages = 8

// disorder is what a server sends that the library would not survive.
type disorder string

// Error implements error.
func (d disorder) Error() string { return string(d) }

const (
	unasked   disorder = "it sends replies that nobody asked for"
	unlike    disorder = "its replies are not those to the requests"
	malformed disorder = "it does not speak RESP3"
	excessive disorder = "its replies are too large"
)

var (
	errRequest = errors.New("a request is out of bounds")
	errCrowded = errors.New("more messages than there is room for")
)

// request is what a server is asked, as far as its reply depends on it.
type request byte

const (
	plain request = iota
	// listing has a list for its reply, whose first elements are looked at unseen.
	listing
	// subscribing has pushes for its reply, unsubscribing those and the reply to the ping
	// that follows it. That is farewell.
	subscribing
	unsubscribing
	farewell
)

type expectation struct {
	request request
	// count is how many elements a list has at least, and how many pushes follow the first.
	count int
}

// exchange is what goes to and fro on a connection. The library takes for granted that a
// server answers each request once, and in its way, and panics where one does not: exchange
// sees that before the library does. It is safe for one reader and one writer.
type exchange struct {
	in, out scanner // of the reader, of the writer

	mu      sync.Mutex
	awaited []expectation // the oldest first
	last    request
	// confirmations follow the first of a subscription that has several channels.
	confirmations, messages int
}

// write takes what is about to be sent.
func (e *exchange) write(b []byte) error {
	for _, c := range b {
		complete, err := e.out.next(c)
		if err != nil {
			return errRequest
		}
		if !complete {
			continue
		}
		if err := e.ask(&e.out.message); err != nil {
			return err
		}
	}
	return nil
}

// read takes what has been received.
func (e *exchange) read(b []byte) error {
	for _, c := range b {
		complete, err := e.in.next(c)
		if errors.Is(err, errTooLarge) {
			return excessive
		}
		if err != nil {
			return malformed
		}
		if !complete {
			continue
		}
		if err := e.answer(&e.in.message); err != nil {
			return err
		}
	}
	return nil
}

func (e *exchange) ask(m *message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := expectation{request: plain}
	switch name := m.text(0); {
	case name == "HELLO" && m.text(1) != "3":
		return malformed // RESP2 is what the library falls back to
	case name == "SUBSCRIBE":
		x = expectation{subscribing, m.size - 2}
	case name == "UNSUBSCRIBE":
		x.request = unsubscribing
	case name == "ROLE":
		x = expectation{listing, 1}
	case name == "SENTINEL" && m.text(1) == "GET-MASTER-ADDR-BY-NAME":
		x = expectation{listing, 2}
	case e.last == unsubscribing:
		x.request = farewell
	}
	e.last = x.request
	e.awaited = append(e.awaited, x)
	return nil
}

func (e *exchange) answer(m *message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.kind == '>' {
		return e.push(m)
	}
	if len(e.awaited) == 0 {
		return unasked
	}
	if !fits(e.awaited[0], m) {
		return unlike
	}
	if e.awaited[0].request == unsubscribing && parts(m) {
		if len(e.awaited) == 1 {
			return unasked // the ping has not been sent
		}
		e.awaited = e.awaited[1:]
	}
	e.awaited = e.awaited[1:]
	return nil
}

// fits says whether the library survives a reply to a request.
func fits(x expectation, m *message) bool {
	if m.kind == '-' && astray(m.text(0)) {
		return false
	}
	whole := m.words[0].size <= keptBytes
	switch x.request {
	case listing:
		return !m.list() || m.size < 0 || m.size >= x.count
	case subscribing:
		return m.kind == '-' && m.text(0) != "QUEUED"
	case unsubscribing:
		return parts(m) || m.kind == '-' && whole && m.text(0) != "QUEUED"
	case farewell:
		return parts(m)
	case plain:
	}
	return true
}

// astray says whether an error sends a request elsewhere without a word of where.
func astray(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	return (strings.HasPrefix(text, "MOVED") || strings.HasPrefix(text, "ASK")) && strings.Count(text, " ") < 2
}

// parts says whether a reply is one to the ping that ends subscriptions.
func parts(m *message) bool {
	text := m.text(0)
	if m.list() {
		return false
	}
	return text == "PONG" || m.kind == '-' && (strings.HasPrefix(text, "LOADING") || strings.HasPrefix(text, "BUSY") || strings.Contains(text, "'ping'"))
}

// push takes what is sent without a request, or confirms subscriptions and their end.
func (e *exchange) push(m *message) error {
	what := m.text(0)
	switch what {
	case "message":
		return e.event(m)
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
	default:
		return nil
	}
	if m.size != 3 {
		return unlike
	}
	if e.confirmations > 0 {
		e.confirmations--
		return nil
	}
	if strings.HasSuffix(what, "unsubscribe") {
		return nil
	}
	if len(e.awaited) == 0 || e.awaited[0].request != subscribing {
		return unasked
	}
	e.confirmations, e.messages = e.awaited[0].count, 0
	e.awaited = e.awaited[1:]
	return nil
}

// event takes a message of a sentinel, which names a server in words that must be there.
func (e *exchange) event(m *message) error {
	words := 4
	if m.text(1) == "+switch-master" {
		words = 5
	}
	if m.size != 3 || strings.Count(m.text(2), " ")+1 < words {
		return unlike
	}
	if e.messages++; e.messages > maxMessages {
		return errCrowded
	}
	return nil
}
