package cli

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/stats"
)

// barWidth is how many characters the whole call takes.
const barWidth = 40

// seen is one call with what its response says of the backends.
type seen struct {
	Status   int           `json:"status"`
	Outcome  string        `json:"outcome,omitempty"`
	Took     float64       `json:"ms"`
	Backends []seenBackend `json:"backends"`
	Body     string        `json:"body"`

	took time.Duration
	cut  bool
}

// seenBackend is one member of the field Fanout-Backends.
type seenBackend struct {
	Name     string `json:"name"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason,omitempty"`
	Status   int    `json:"status,omitempty"`
	MS       int    `json:"ms"`
	Attempts int    `json:"attempts"`
}

// call makes a call and reads its response; redirects are not followed.
func call(transport http.RoundTripper, request *http.Request) (*seen, error) {
	begun := time.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", request.URL.Redacted(), err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTried))
	if err != nil {
		return nil, fmt.Errorf("read the response of %s: %w", request.URL.Redacted(), err)
	}
	took := time.Since(begun)
	return &seen{
		Status: response.StatusCode, Outcome: response.Header.Get("Fanout-Outcome"), Took: float64(took.Microseconds()) / 1000,
		Backends: readBackends(response.Header.Values("Fanout-Backends")), Body: string(body), took: took, cut: len(body) == maxTried,
	}, nil
}

// readBackends reads what a proxy writes: an RFC 9651 list of tokens whose parameters are
// tokens and whole numbers.
func readBackends(lines []string) []seenBackend {
	list := []seenBackend{}
	for member := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(member), ";")
		if name == "" {
			continue
		}
		b := seenBackend{Name: name}
		for parameter := range strings.SplitSeq(parameters, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			n, _ := strconv.Atoi(value) // 0 for what is no number
			switch key {
			case "outcome":
				b.Outcome = value
			case "reason":
				b.Reason = value
			case "status":
				b.Status = n
			case "ms":
				b.MS = n
			case "attempts":
				b.Attempts = n
			}
		}
		list = append(list, b)
	}
	return list
}

// failed reports whether the caller did not get what it wanted.
func (s *seen) failed() bool { return s.Status >= http.StatusBadRequest || s.Outcome == "failed" }

func (s *seen) draw(out io.Writer) error {
	p, w := paintFor(out), tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%d %s\t%s after %s\n", s.Status, http.StatusText(s.Status), p.cell(shadeOf(s.Outcome), s.Outcome), stats.Short(s.took))
	if len(s.Backends) == 0 {
		_, _ = fmt.Fprintln(w, "Nothing is told of backends: the call was refused before any was asked, or response.diagnostics of the route is not Full.")
	}
	scale := s.took.Milliseconds()
	for _, b := range s.Backends {
		scale = max(scale, int64(b.MS))
	}
	for _, b := range s.Backends {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", cellText(b.Name), p.cell(shadeOf(b.Outcome), b.said()), b.bar(scale), b.spent())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write call: %w", err)
	}
	body := s.Body
	if !utf8.ValidString(body) {
		body = fmt.Sprintf("(%d bytes that are no text)", len(body))
	}
	if isTerminal(out) {
		body = linesText(body)
	}
	if s.cut {
		body += "\n(cut off)"
	}
	if _, err := fmt.Fprintf(out, "\n%s\n", strings.TrimRight(body, "\n")); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}

// said is the outcome with what is known beside.
func (b *seenBackend) said() string {
	text := b.Outcome
	if b.Reason != "" {
		text += " " + b.Reason
	}
	if b.Status != 0 {
		text += " " + strconv.Itoa(b.Status)
	}
	return text
}

// bar is the backend's time as part of the longest: all were asked at once.
func (b *seenBackend) bar(scale int64) string {
	if b.Attempts == 0 || scale <= 0 {
		return strings.Repeat("·", barWidth)
	}
	n := min(max(int(int64(b.MS)*barWidth/scale), 1), barWidth)
	return strings.Repeat("█", n) + strings.Repeat("·", barWidth-n)
}

func (b *seenBackend) spent() string {
	if b.Attempts == 0 {
		return "not asked"
	}
	text := strconv.Itoa(b.MS) + " ms"
	if b.Attempts > 1 {
		text += fmt.Sprintf(", %d attempts", b.Attempts)
	}
	return text
}
