package routeconfig

import "time"

// Listener says which calls a route takes, and where. Port is that on which the
// proxy listens, which is not always the port of the Service.
type Listener struct {
	Port int `json:"port"`
	// TLSSecret holds tls.crt and tls.key; without it the listener is plain.
	TLSSecret    string   `json:"tlsSecret,omitempty"`
	Matches      []Match  `json:"matches,omitempty"`
	TrustedCIDRs []string `json:"trustedCIDRs,omitempty"`
}

// Match is a set of calls. Methods are all when empty.
type Match struct {
	Path    string   `json:"path"`
	Exact   bool     `json:"exact,omitempty"`
	Methods []string `json:"methods,omitempty"`
}

// Validation says which calls are well formed.
type Validation struct {
	MaxBodySize  int64    `json:"maxBodySize"`
	BodyTimeout  Duration `json:"bodyTimeout"`
	ContentTypes []string `json:"contentTypes,omitempty"`
	// JSONSchema is what bodies are held against.
	JSONSchema *JSONSchema `json:"jsonSchema,omitempty"`
	// OpenAPI is what calls are held against.
	OpenAPI *OpenAPI `json:"openAPI,omitempty"`
	// Rules are what calls must meet.
	Rules []Rule `json:"rules,omitempty"`
	// Report lets pass what OpenAPI, JSONSchema and Rules do not admit, and counts it.
	Report bool `json:"report,omitempty"`
}

// Dispatch says when a call is decided. Required are indices in Route.Backends.
type Dispatch struct {
	Policy      string   `json:"policy"`
	Quorum      int      `json:"quorum,omitempty"`
	Required    []int    `json:"required,omitempty"`
	Timeout     Duration `json:"timeout"`
	Stragglers  string   `json:"stragglers"`
	MaxInFlight int      `json:"maxInFlight"`
}

// The success policies, and what becomes of stragglers.
const (
	PolicyAll        = "All"
	PolicyAny        = "Any"
	PolicyQuorum     = "Quorum"
	PolicyRequired   = "Required"
	PolicyBestEffort = "BestEffort"

	StragglersAuto   = "Auto"
	StragglersCancel = "Cancel"
	StragglersFinish = "Finish"
	StragglersWait   = "Wait"
)

// Response says how answers become one response. Primary is an index in
// Route.Backends.
type Response struct {
	Type                string   `json:"type"`
	OnConflict          string   `json:"onConflict,omitempty"`
	Arrays              string   `json:"arrays,omitempty"`
	Primary             int      `json:"primary,omitempty"`
	HeadersFromBackends []string `json:"headersFromBackends,omitempty"`
	PartialStatusCode   int      `json:"partialStatusCode,omitempty"`
	Diagnostics         string   `json:"diagnostics"`
	// IdleTimeout bounds the silence of the backend whose response is streamed, where
	// the response is not combined.
	IdleTimeout Duration `json:"idleTimeout,omitempty"`
}

// The response types, and what they are told.
const (
	ResponseEnvelope = "Envelope"
	ResponseMerge    = "Merge"
	ResponseGroup    = "Group"
	ResponseFirst    = "First"
	ResponsePrimary  = "Primary"

	ConflictFirst   = "First"
	ConflictLast    = "Last"
	ConflictCollect = "Collect"
	ConflictError   = "Error"

	ArraysAppend  = "Append"
	ArraysUnique  = "Unique"
	ArraysReplace = "Replace"

	DiagnosticsFull    = "Full"
	DiagnosticsOutcome = "Outcome"
	DiagnosticsNone    = "None"
)

// Combined reports whether the response is made of several bodies, so that what
// the client said of one body must not reach the backends.
func (r *Response) Combined() bool {
	return r.Type != ResponseFirst && r.Type != ResponsePrimary
}

// CallTime is how long a call may take from its head to the end of its last straggler, by
// the route's own timeouts. They do not bound how long a response is on its way to the
// client, streamed or not.
func (r *Route) CallTime() time.Duration {
	longest := r.Dispatch.Timeout
	for b := range r.Receivers() {
		longest = max(longest, b.Timeout)
	}
	return time.Duration(r.Validation.BodyTimeout) + time.Duration(longest)
}
