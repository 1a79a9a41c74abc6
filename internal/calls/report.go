// Package calls holds the last calls of a route for whoever looks at them, and what a proxy says
// of them on /calls: a contract of its own beside /status, versioned like that.
//
// Anybody in the network of Pods may ask. So a Report has what configuration says already, and
// words, numbers and times of ours: no path, query, field, caller, address or body. Nothing is
// kept of a route that nobody has asked for within Attention.
package calls

// ReportVersion is the version of the Report that this package writes and reads. It rises where
// a reader of the one before would take something for what it is not; a field or a word that is
// only new needs none.
const ReportVersion = 1

// Path is where the admin port has it. The parameter route is NAMESPACE/NAME; after, if any, is
// the Seq of the reader's last report.
const (
	Path           = "/calls"
	ParameterRoute = "route"
	ParameterAfter = "after"
)

// Report is what a proxy says of the last calls of one route.
type Report struct {
	// Version is ReportVersion. It stands first, here and in every version to come.
	Version   int    `json:"version"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Process is a random word for the life of the proxy: numbers begin anew with another.
	Process string `json:"process"`
	// Seq is to be named by the next reading, which then has only calls that ended since.
	Seq uint64 `json:"seq"`
	// Missed is how many calls were not kept since somebody looks: more came than are looked
	// at in a second.
	Missed uint64 `json:"missed,omitempty"`
	// Calls are those that ended after the last reading, in that order, and before them all
	// that are under way.
	Calls    []Call    `json:"calls"`
	Backends []Backend `json:"backends"`
}

// Backend is how a backend stands now, beside what /status says of it.
type Backend struct {
	Name string `json:"name"`
	// Circuit is closed, halfOpen or open, empty without a breaker.
	Circuit string `json:"circuit,omitempty"`
	// Busy requests are under way of the Slots that there are; both are 0 without a limit.
	Busy  int64 `json:"busy,omitempty"`
	Slots int64 `json:"slots,omitempty"`
	// Queued calls wait for a slot, of at most Places.
	Queued int64 `json:"queued,omitempty"`
	Places int64 `json:"places,omitempty"`
	// Tokens are what the rate limit has left of its Burst, below zero where calls wait for
	// their turn; both are 0 without one, and of a shared limit they are this proxy's part.
	Tokens float64 `json:"tokens,omitempty"`
	Burst  int     `json:"burst,omitempty"`
	Shadow bool    `json:"shadow,omitempty"`
}

// MS is a time in milliseconds after the arrival of the call. It is 0 where something has not
// happened, or not yet, and at least a thousandth where it has.
type MS float64

// Call is one call.
type Call struct {
	// ID is the call's number in the process.
	ID uint64 `json:"id"`
	// Open says that it is under way: the last of its stragglers and shadows included.
	Open bool `json:"open,omitempty"`
	// AgeMS is how long before this report the request arrived.
	AgeMS float64 `json:"ageMs"`
	// Method is one that HTTP registers, Rule the path of the match that let the call in, as
	// the route has it.
	Method     string   `json:"method"`
	Rule       string   `json:"rule"`
	Dispatched MS       `json:"dispatchedMs,omitempty"`
	Decided    Decision `json:"decided,omitzero"`
	Responded  MS       `json:"respondedMs,omitempty"`
	Ended      MS       `json:"endedMs,omitempty"`
	// Outcome and Status are there once it is responded to.
	Outcome string `json:"outcome,omitempty"`
	Status  int    `json:"status,omitempty"`
	Lanes   []Lane `json:"lanes"`
}

// Decision is when a call was decided, by which decider, and by whose answer where that was one.
type Decision struct {
	At MS `json:"ms"`
	// Decider is answer, refusals, timeout, clientClosed or stop. Causes are of failures.
	Decider string `json:"decider"`
	Backend string `json:"backend,omitempty"`
}

// Lane is one backend of a call, or one shadow; those are left out whose turn it was not.
type Lane struct {
	Backend  string    `json:"backend"`
	Shadow   bool      `json:"shadow,omitempty"`
	Reserved MS        `json:"reservedMs,omitempty"`
	Asked    MS        `json:"askedMs,omitempty"`
	Queued   *Span     `json:"queued,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Omitted attempts are not listed.
	Omitted int    `json:"omitted,omitempty"`
	Ended   MS     `json:"endedMs,omitempty"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Status  int    `json:"status,omitempty"`
	// Compared is same, outcome, body or incomparable, of a shadow that is compared.
	Compared string `json:"compared,omitempty"`
}

// Span is from when to when a call waited; To is 0 while it does.
type Span struct {
	From MS `json:"fromMs"`
	To   MS `json:"toMs,omitempty"`
}

// Attempt is one HTTP exchange.
type Attempt struct {
	// Kind is first, retry or hedge.
	Kind      string `json:"kind"`
	Begun     MS     `json:"begunMs"`
	Connected MS     `json:"connectedMs,omitempty"`
	Head      MS     `json:"headMs,omitempty"`
	Ended     MS     `json:"endedMs,omitempty"`
	Reused    bool   `json:"reused,omitempty"`
	Status    int    `json:"status,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Fate is won, lost, failed or canceled; empty while it is under way.
	Fate string `json:"fate,omitempty"`
}
