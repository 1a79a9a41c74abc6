package stats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A report comes from a Pod, and whoever may create Pods writes what it says. What it
// may say follows from its route: so many bytes and values for what is the same for
// all, and so many for each backend. A full one of a proxy has up to 20 KiB and 2,100
// values a backend. Decoding takes memory by the value.
const (
	baseBytes    = 64 << 10
	backendBytes = 32 << 10
	maxBytes     = 1 << 20

	baseValues    = 12_000
	backendValues = 3_000

	// A window has twelve slots of 32 bits a counter.
	maxCount = slots << 32
	// An hour of a million calls a second that take a day each is less.
	maxSeconds = 1e15
	// A proxy remembers failures since its start. Years later than 9999 have no form in JSON.
	maxAge = 10 * 365 * 24 * time.Hour
	// maxBackends is what the CRD allows.
	maxBackends = 32
	// Keys of Secrets have 253 characters, messages of ours are shorter than this.
	maxKey, maxMessage = 253, 256
	// A hash has 64 characters.
	maxHash = 64
)

// ErrUnbounded is the error of a report that says more than a proxy can.
var ErrUnbounded = errors.New("the report says more than a proxy can of its routes")

// Bounds are what a report may speak of: of these routes, each of them once. Everything else
// in it is overlooked.
type Bounds []RouteBounds

// RouteBounds are what a report may say of one route.
type RouteBounds struct {
	// Namespace and Name are the route's.
	Namespace, Name string
	// Backends, Secrets, ConfigMaps and Rules are the names that the route's spec knows. Where they
	// are nil nobody has told them: any well-formed ones, as many as a spec may have.
	Backends, Secrets, ConfigMaps, Rules map[string]bool
	// Audiences are those of the service account's tokens; none where nobody has told them.
	Audiences map[string]bool
}

// backends is how many the route has, at most.
func (b *RouteBounds) backends() int {
	if b.Backends == nil {
		return maxBackends
	}
	return len(b.Backends)
}

// room is how much of something a report may have, by what it has for each route and for
// each backend.
func (b Bounds) room(route, backend int) (n int) {
	for i := range b {
		n += route + backend*b[i].backends()
	}
	return n
}

// Read reads what a foreign proxy says. It takes at most 1 MiB, and fails with
// ErrUnbounded before it decodes more than a proxy of these routes can have to say, or with
// a VersionError where it is in a version that is not ours, however much that is.
func (b Bounds) Read(in io.Reader) ([]byte, error) {
	into := &bytes.Buffer{}
	err := b.ReadInto(into, in)
	return into.Bytes(), err
}

// ReadInto is Read for who has an empty buffer already, as thousands of polls have.
func (b Bounds) ReadInto(into *bytes.Buffer, in io.Reader) error {
	limit := min(b.room(baseBytes, backendBytes), maxBytes)
	if _, err := into.ReadFrom(io.LimitReader(in, int64(limit)+1)); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	raw := into.Bytes()
	if err := checkVersion(raw); err != nil {
		return err
	}
	if len(raw) > limit || values(raw) > b.room(baseValues, backendValues) {
		return ErrUnbounded
	}
	return nil
}

// values counts the values of a JSON text, the names among them, or a few more.
func values(raw []byte) (n int) {
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':' || c == '{' || c == '['):
			n++
		}
	}
	return n
}

// Decode decodes a report that Read has read, and shares nothing with its text. The result has at most these routes, and
// of each what is in bounds: no name, reason, bucket or length but those that its own proxy
// can report, counters that cannot overflow when a million of them are added up. Times
// are reckoned from now, whatever the Pod takes for the time. What is in bounds stays where it was
// decoded: it is thousands of counts a second.
func (b Bounds) Decode(raw []byte, now time.Time) (*Report, error) {
	foreign, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	report := &Report{
		Version: foreign.Version, Ready: foreign.Ready, Refused: cut(foreign.Refused, maxMessage), Document: cut(foreign.Document, maxHash),
	}
	wanted := make(map[[2]string]*RouteBounds, len(b))
	for i := range b {
		wanted[[2]string{b[i].Namespace, b[i].Name}] = &b[i]
	}
	for i := range foreign.Routes {
		id := [2]string{foreign.Routes[i].Namespace, foreign.Routes[i].Name}
		if of := wanted[id]; of != nil {
			report.Routes = append(report.Routes, of.route(&foreign.Routes[i], now))
			delete(wanted, id)
		}
	}
	return report, nil
}

func (b *RouteBounds) route(r *RouteReport, now time.Time) RouteReport {
	out := RouteReport{Namespace: b.Namespace, Name: b.Name, Part: cut(r.Part, maxHash), Windows: r.Windows}
	for name, w := range out.Windows.All() {
		w.Seconds, w.Calls, w.Duration = covered(name, w.Seconds), w.Calls.bounded(), w.Duration.bounded()
	}
	missing := missingKeys{limit: baseMissing + backendMissing*b.backends()}
	for i := range r.Missing {
		m := &r.Missing[i]
		if m.Issuer != "" && known(nil, m.Issuer) {
			missing.add(MissingKey{Issuer: m.Issuer, Stale: m.Stale, Message: cut(m.Message, maxMessage)})
		} else if b.names(m) && (m.Backend == "" || known(b.Backends, m.Backend)) && ofSecret(m.Key) {
			missing.add(MissingKey{
				Secret: m.Secret, ConfigMap: m.ConfigMap, Audience: m.Audience, Key: m.Key, Backend: m.Backend, Field: ofSpec(m.Field), Stale: m.Stale, Message: cut(m.Message, maxMessage),
			})
		}
	}
	out.Missing, out.Reported = missing.list, b.reported(r.Reported)
	out.Refused, out.Certificates = boundedRefusals(r.Refused), b.certificates(r.Certificates)
	if r.Store != nil {
		out.Store = &StoreReport{Answers: r.Store.Answers, Fault: cut(r.Store.Fault, maxMessage)}
	}
	out.Backends = r.Backends[:0] // each moves up, where those before it are not in bounds
	for i := range r.Backends {
		of := &r.Backends[i]
		had := slices.ContainsFunc(out.Backends, func(other BackendReport) bool { return other.Name == of.Name })
		if known(b.Backends, of.Name) && !had && len(out.Backends) < maxBackends {
			out.Backends = append(out.Backends, of.bounded(now))
		}
	}
	return out
}

// known reports whether a name is one of those, or well-formed where there are none.
func known(names map[string]bool, name string) bool {
	if names != nil {
		return names[name]
	}
	return len(name) <= maxKey && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
}

// ofSecret reports whether a Secret or a ConfigMap can have the key; none means all of it.
func ofSecret(key string) bool {
	return len(key) <= maxKey && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
	})
}

// bounded is what of a backend's report a proxy can say.
func (b *BackendReport) bounded(now time.Time) BackendReport {
	standing := b.Standings()
	out := BackendReport{
		Name: b.Name, Windows: b.Windows, Standing: standing.bounded(), Shadow: b.Shadow,
		Compared: only(b.Compared, Comparison.isWord, Comparison(Other)),
	}
	for name, w := range out.Windows.All() {
		w.Seconds, w.Answers, w.Duration = covered(name, w.Seconds), w.Answers.bounded(), w.Duration.bounded()
	}
	if slices.Contains(Circuits(), b.Circuit) {
		out.Circuit = b.Circuit
	}
	if f := b.LastFailure; f != nil && f.Reason.isWord() && f.Status >= 0 && f.Status <= 999 {
		out.LastFailure = f.bounded(now)
	}
	return out
}

// bounded is the failure at its age before now. A proxy that says none is believed what
// it took for the time, or its failures would be the youngest for ever.
func (f *Failure) bounded(now time.Time) *Failure {
	age := now.Sub(f.Time)
	if f.AgeSeconds >= 0 {
		age = time.Duration(min(f.AgeSeconds, maxAge.Seconds()) * float64(time.Second))
	}
	age = min(max(age, 0), maxAge)
	cause := f.Cause
	if !cause.isWord() {
		cause = ""
	}
	return &Failure{
		Reason: f.Reason, Cause: cause, Status: f.Status, Refused: f.Refused, Message: cut(f.Message, maxMessage),
		Time: now.Add(-age).UTC(), AgeSeconds: age.Seconds(),
	}
}

// covered bounds what the window of a name covers.
func covered(name string, seconds float64) float64 {
	all := windows()
	i := slices.IndexFunc(all[:], func(w window) bool { return w.name == name })
	return all[i].seconds(seconds)
}

// seconds bounds what a window covers: a second at least, and not more than its slots.
func (w window) seconds(covered float64) float64 {
	return min(max(covered, 1), slots*w.slot.Seconds())
}

func (c Calls) bounded() Calls {
	return Calls{
		Complete: min(c.Complete, maxCount), Partial: min(c.Partial, maxCount), Failed: min(c.Failed, maxCount),
		ClientClosed: min(c.ClientClosed, maxCount), Refused: min(c.Refused, maxCount),
	}
}

func (a Answers) bounded() Answers {
	return Answers{
		Succeeded: min(a.Succeeded, maxCount), Failed: only(a.Failed, Reason.isWord, Other), Rejected: only(a.Rejected, Reason.isWord, Other),
		Canceled: min(a.Canceled, maxCount), Skipped: min(a.Skipped, maxCount), Faulty: min(a.Faulty, maxCount),
		Late: min(a.Late, maxCount), Attempts: min(a.Attempts, maxCount),
	}
}

func (h *Histogram) bounded() Histogram {
	for i := range h.Counts {
		h.Counts[i].N = min(h.Counts[i].N, maxCount)
	}
	return Histogram{Counts: h.Counts, Seconds: min(max(h.Seconds, 0), maxSeconds)}
}

// only returns counts by known words; those of all others stand by one more.
func only[W ~string](counts map[W]uint64, known func(W) bool, other W) map[W]uint64 {
	var out map[W]uint64
	for word, n := range counts {
		if !known(word) {
			word = other
		}
		if out == nil {
			out = map[W]uint64{}
		}
		out[word] = min(out[word]+min(n, maxCount), maxCount)
	}
	return out
}

// Controls reports whether a character does something to a terminal, on which it may be shown, or to
// the direction of what stands there.
func Controls(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// cut returns the beginning of a text, whole characters and none that Controls. It keeps
// nothing of the rest in memory.
func cut(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if Controls(r) {
			return -1
		}
		return r
	}, text[:min(len(text), limit)])
	return strings.Clone(strings.ToValidUTF8(text, ""))
}
