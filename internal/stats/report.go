package stats

import (
	"encoding/json"
	"fmt"
	"time"
)

// Report is what a proxy says on /status: the second contract between proxies and those
// who ask them, beside the document. It holds nothing secret, and figures that add up
// over proxies.
type Report struct {
	// Version is ReportVersion in what a proxy says; 0 where a report names none, which is
	// one of version 1. It stands first, here and in every version to come.
	Version int `json:"version"`
	// Document is the hash of the document served, empty before the first.
	Document string `json:"document"`
	// Refused says why a newer document is not served, empty otherwise.
	Refused string `json:"refused,omitempty"`
	// Ready is what /readyz says.
	Ready  bool          `json:"ready"`
	Routes []RouteReport `json:"routes"`
}

// Route is what the report says of a route, nil for nothing.
func (r *Report) Route(namespace, name string) *RouteReport {
	for i := range r.Routes {
		if of := &r.Routes[i]; of.Namespace == namespace && of.Name == name {
			return of
		}
	}
	return nil
}

// RouteReport is one route of a Report.
type RouteReport struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Part is the hash of the route's part of the document: it moves with what the route
	// itself is asked for, whatever other routes the document holds.
	Part    string       `json:"part,omitempty"`
	Missing []MissingKey `json:"missing,omitempty"`
	// Reported are rules that would have refused calls, were they enforced.
	Reported []RuleReport `json:"reported,omitempty"`
	// Refused are the reasons for which requests made no call.
	Refused []RefusalReport `json:"refused,omitempty"`
	// Certificates are those that the route shows, to its clients and to others.
	Certificates []CertificateReport  `json:"certificates,omitempty"`
	Issuers      []IssuerReport       `json:"issuers,omitempty"`
	Windows      Windows[CallsWindow] `json:"windows"`
	Backends     []BackendReport      `json:"backends"`
	// Store is that of shared rate limits; nil where there is none.
	Store *StoreReport `json:"store,omitempty"`
}

// StoreReport says whether the store of shared rate limits answers, and why not.
type StoreReport struct {
	Answers bool   `json:"answers"`
	Fault   string `json:"fault,omitempty"`
}

// CertificateReport is a certificate in use: the listener's, whose Backend is empty, or the one that
// a backend, or its token endpoint, is shown.
type CertificateReport struct {
	Secret  string `json:"secret"`
	Backend string `json:"backend,omitempty"`
	// Ends is when the first certificate of the chain does, by the clock of whoever signed it.
	Ends time.Time `json:"ends"`
}

// IssuerReport is an issuer of callers' tokens, with the keys that the proxy has of it.
type IssuerReport struct {
	Name string `json:"name"`
	Keys int    `json:"keys"`
	// Never is true where none were fetched yet. AgeSeconds is since when they were not.
	Never      bool   `json:"never,omitempty"`
	AgeSeconds int64  `json:"ageSeconds"`
	Problem    string `json:"problem,omitempty"`
}

// MissingKey is a key of a Secret or of a ConfigMap that the route needs and the proxy
// lacks, or an Issuer whose keys it lacks, or the Audience of a service account's token: one of the four is named. Backend is empty where the route itself needs it, for
// all calls.
type MissingKey struct {
	Secret    string `json:"secret,omitempty"`
	ConfigMap string `json:"configMap,omitempty"`
	Key       string `json:"key"`
	Backend   string `json:"backend,omitempty"`
	// Issuer is the name of one; Key is empty then.
	Issuer string `json:"issuer,omitempty"`
	// Audience is that of a token of the service account that the proxy runs as.
	Audience string `json:"audience,omitempty"`
	// Field is the path of the spec's field that names the object, where no Backend does.
	Field string `json:"field,omitempty"`
	// Stale is true where the proxy goes on with the value that it had. Seconds is for
	// how long the key has been missing.
	Stale   bool  `json:"stale,omitempty"`
	Seconds int64 `json:"seconds"`
	// Message is set where more than the key's absence is wrong.
	Message string `json:"message,omitempty"`
}

// BackendReport is one backend of a RouteReport.
type BackendReport struct {
	Name    string                 `json:"name"`
	Windows Windows[AnswersWindow] `json:"windows"`
	// Standing is what its state is judged by; see Standings.
	Standing    Standings `json:"standing,omitzero"`
	LastFailure *Failure  `json:"lastFailure,omitempty"`
	// Circuit is the state of the circuit breaker.
	Circuit Circuit `json:"circuit,omitempty"`
	// Shadow is set for a backend whose answers never count. Compared counts its answers
	// since the start by what the comparison found.
	Shadow   bool                  `json:"shadow,omitempty"`
	Compared map[Comparison]uint64 `json:"compared,omitempty"`
}

// Failure is a failed answer.
type Failure struct {
	Reason Reason `json:"reason"`
	// Cause says more of one without a response, empty where nothing more is known.
	Cause  Cause `json:"cause,omitempty"`
	Status int   `json:"status,omitempty"`
	// Refused says that the backend refused the credential that it was shown.
	Refused bool `json:"refused,omitempty"`
	// Message says it in words of the proxy's: why there was no credential, or no response.
	Message string `json:"message,omitempty"`
	// Time is the proxy's wall clock at the failure: the one of a Report, for people. Who
	// decodes a foreign Report reckons it anew from the age.
	Time time.Time `json:"time"`
	// AgeSeconds is how long ago it was when the Report was made, by the proxy's
	// monotonic clock. Failures of several proxies are compared by it, since their wall
	// clocks differ. It is noAge where a Report does not say it.
	AgeSeconds float64 `json:"ageSeconds"`
}

// noAge is the age in a Report of a proxy that is older than ages are.
const noAge = -1

// UnmarshalJSON implements json.Unmarshaler.
func (f *Failure) UnmarshalJSON(raw []byte) error {
	type plain Failure
	p := plain{AgeSeconds: noAge}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("decode failure: %w", err)
	}
	*f = Failure(p)
	return nil
}

// ParameterWindow is the parameter of /status by which somebody asks for one of the windows
// alone, or for several by naming it again. Who names none gets all of them.
const ParameterWindow = "window"

// CallsWindow is what became of a route's calls within a window.
type CallsWindow struct {
	// Seconds is the time that the window really covers.
	Seconds  float64   `json:"seconds"`
	Calls    Calls     `json:"calls,omitzero"`
	Duration Histogram `json:"duration,omitzero"`
}

// Add adds another proxy's window.
func (w *CallsWindow) Add(other CallsWindow) {
	w.Seconds = max(w.Seconds, other.Seconds)
	w.Calls.Add(other.Calls)
	w.Duration.Add(other.Duration)
}

// AnswersWindow is what became of a backend's answers within a window.
type AnswersWindow struct {
	// Seconds is the time that the window really covers.
	Seconds float64 `json:"seconds"`
	Answers Answers `json:"answers,omitzero"`
	// Duration is that of succeeded and failed answers.
	Duration Histogram `json:"duration,omitzero"`
}

// Add adds another proxy's window.
func (w *AnswersWindow) Add(other AnswersWindow) {
	w.Seconds = max(w.Seconds, other.Seconds)
	w.Answers.Add(other.Answers)
	w.Duration.Add(other.Duration)
}

// Calls counts calls by what became of them.
type Calls struct {
	Complete     uint64 `json:"complete,omitzero"`
	Partial      uint64 `json:"partial,omitzero"`
	Failed       uint64 `json:"failed,omitzero"`
	ClientClosed uint64 `json:"clientClosed,omitzero"`
	// Refused calls were never dispatched.
	Refused uint64 `json:"refused,omitzero"`
}

// Add adds other counts.
func (c *Calls) Add(other Calls) {
	c.Complete += other.Complete
	c.Partial += other.Partial
	c.Failed += other.Failed
	c.ClientClosed += other.ClientClosed
	c.Refused += other.Refused
}

// Decided is the number of calls that were decided.
func (c Calls) Decided() uint64 { return c.Complete + c.Partial + c.Failed }

// RefusedRate is refused / (refused + decided) calls; ok is false without any.
func (c Calls) RefusedRate() (rate float64, ok bool) {
	all := c.Refused + c.Decided()
	if all == 0 {
		return 0, false
	}
	return float64(c.Refused) / float64(all), true
}

// SuccessRate is (complete + partial) / decided calls; ok is false without any.
func (c Calls) SuccessRate() (rate float64, ok bool) {
	return SuccessRate(c.Complete+c.Partial, c.Failed)
}

// Answers counts answers by outcome and reason.
type Answers struct {
	Succeeded uint64            `json:"succeeded,omitzero"`
	Failed    map[Reason]uint64 `json:"failed,omitempty"`
	Rejected  map[Reason]uint64 `json:"rejected,omitempty"`
	Canceled  uint64            `json:"canceled,omitzero"`
	Skipped   uint64            `json:"skipped,omitzero"`
	// Faulty are those failed answers that speak against the backend: timeout,
	// connect, tls, reset, credential, 5xx and 429, and 401 and 403 where it was shown a
	// credential of the route's.
	Faulty uint64 `json:"faulty,omitzero"`
	// Late are those canceled answers that had taken longer than the backend's own
	// median, or had none to compare with.
	Late uint64 `json:"late,omitzero"`
	// Attempts counts HTTP exchanges, the first of each answer included.
	Attempts uint64 `json:"attempts,omitzero"`
}

// Add adds other counts.
func (a *Answers) Add(other Answers) {
	a.Succeeded += other.Succeeded
	a.Failed = addWords(a.Failed, other.Failed)
	a.Rejected = addWords(a.Rejected, other.Rejected)
	a.Canceled += other.Canceled
	a.Skipped += other.Skipped
	a.Faulty += other.Faulty
	a.Late += other.Late
	a.Attempts += other.Attempts
}

func addWords[W ~string](to, from map[W]uint64) map[W]uint64 {
	if to == nil && len(from) > 0 {
		to = make(map[W]uint64, len(from))
	}
	for word, n := range from {
		to[word] += n
	}
	return to
}

// FailedTotal is the number of failed answers, whatever the reason.
func (a Answers) FailedTotal() uint64 { return sum(a.Failed) }

// RejectedTotal is the number of rejected answers, whatever the reason.
func (a Answers) RejectedTotal() uint64 { return sum(a.Rejected) }

// SuccessRate is the backend's; ok is false without answers.
func (a Answers) SuccessRate() (rate float64, ok bool) {
	return SuccessRate(a.Succeeded, a.FailedTotal())
}

// SuccessRate is succeeded / (succeeded + failed); ok is false where both are 0.
// It is the one definition of the term: rejected, canceled and skipped answers
// count as neither, and answers count, not attempts.
func SuccessRate(succeeded, failed uint64) (rate float64, ok bool) {
	if succeeded+failed == 0 {
		return 0, false
	}
	return float64(succeeded) / float64(succeeded+failed), true
}

func sum(counts map[Reason]uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}
