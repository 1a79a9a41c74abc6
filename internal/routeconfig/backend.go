package routeconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Backend is one receiver of calls.
type Backend struct {
	Name string `json:"name"`
	// URL is scheme, authority and path, without query, fragment and user.
	URL string `json:"url"`
	// When is an expression that yields a bool; empty for always.
	When                  string          `json:"when,omitempty"`
	Credential            *Credential     `json:"credential,omitempty"`
	Request               Request         `json:"request"`
	Timeout               Duration        `json:"timeout"`
	Retry                 *Retry          `json:"retry,omitempty"`
	Hedge                 *Hedge          `json:"hedge,omitempty"`
	CircuitBreaker        *CircuitBreaker `json:"circuitBreaker,omitempty"`
	RateLimit             *RateLimit      `json:"rateLimit,omitempty"`
	MaxConcurrentRequests int             `json:"maxConcurrentRequests,omitempty"`
	MaxQueuedRequests     int             `json:"maxQueuedRequests,omitempty"`
	MaxResponseSize       int64           `json:"maxResponseSize"`
	// Protocol is ProtocolAuto, ProtocolHTTP1 or ProtocolH2C.
	Protocol           string `json:"protocol,omitempty"`
	SuccessStatusCodes []int  `json:"successStatusCodes,omitempty"`
	TLS                *TLS   `json:"tls,omitempty"`
}

// Hash names the backend's own part of the document. What belongs to a backend
// at run time (connections, tokens, limiters) outlives a reload that leaves name
// and hash as they are.
func (b *Backend) Hash() (string, error) {
	encoded, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("encode backend %q: %w", b.Name, err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16]), nil
}

// NameValue is a name with a value, or an expression that yields it.
type NameValue struct {
	Name       string `json:"name"`
	Value      string `json:"value"`
	Expression string `json:"expression,omitempty"`
}

// Request says what the backend is sent.
type Request struct {
	Method string `json:"method,omitempty"`
	// Host is "" for the backend's own. ForwardHost passes the call's.
	Host        string `json:"host,omitempty"`
	ForwardHost bool   `json:"forwardHost,omitempty"`
	// Path is PathURL, PathForward, PathReplacePrefix or PathExpression.
	Path           string      `json:"path"`
	PathExpression string      `json:"pathExpression,omitempty"`
	DropQuery      bool        `json:"dropQuery,omitempty"`
	RemoveQuery    []string    `json:"removeQuery,omitempty"`
	SetQuery       []NameValue `json:"setQuery,omitempty"`
	RemoveHeaders  []string    `json:"removeHeaders,omitempty"`
	SetHeaders     []NameValue `json:"setHeaders,omitempty"`
	// ForwardCredentials are names of fields that carry the caller's credentials.
	ForwardCredentials []string `json:"forwardCredentials,omitempty"`
	// ClientAddress is the field that tells who calls; empty for none.
	ClientAddress string `json:"clientAddress,omitempty"`
	DropBody      bool   `json:"dropBody,omitempty"`
	// BodyExpression yields the body as JSON; empty for the call's.
	BodyExpression string `json:"bodyExpression,omitempty"`
}

// The fields that tell who calls.
const (
	ClientAddressXForwardedFor = "XForwardedFor"
	ClientAddressForwarded     = "Forwarded"
)

// The ways to make a path.
const (
	PathURL           = "URL"
	PathForward       = "Forward"
	PathReplacePrefix = "ReplacePrefix"
	PathExpression    = "Expression"
)

// Retry says when a failed attempt is repeated. On are reasons and statuses.
type Retry struct {
	Attempts       int      `json:"attempts"`
	AttemptTimeout Duration `json:"attemptTimeout,omitempty"`
	Methods        string   `json:"methods"`
	RetryOn        []string `json:"retryOn"`
	InitialBackoff Duration `json:"initialBackoff"`
	MaxBackoff     Duration `json:"maxBackoff"`
	BudgetPercent  int      `json:"budgetPercent"`
}

// Hedge says when a backend that is late is asked once more. Delay or Percentile is
// set.
type Hedge struct {
	Delay         Duration `json:"delay,omitempty"`
	Percentile    int      `json:"percentile,omitempty"`
	Max           int      `json:"max"`
	BudgetPercent int      `json:"budgetPercent"`
}

// CircuitBreaker says when a backend is not asked any more.
type CircuitBreaker struct {
	FailurePercent   int      `json:"failurePercent"`
	MinimumRequests  int      `json:"minimumRequests"`
	Window           Duration `json:"window"`
	OpenFor          Duration `json:"openFor"`
	HalfOpenRequests int      `json:"halfOpenRequests"`
	SlowerThan       Duration `json:"slowerThan,omitempty"`
}

// The calls that may be repeated.
const (
	RetryIdempotent     = "Idempotent"
	RetryIdempotencyKey = "IdempotencyKey"
	RetryAll            = "All"
)

// TLS says how the backend proves who it is. CASecret names a Secret with ca.crt.
type TLS struct {
	CASecret   string `json:"caSecret,omitempty"`
	ServerName string `json:"serverName,omitempty"`
	// ClientCertificateSecret holds tls.crt and tls.key, which the backend is shown.
	ClientCertificateSecret string `json:"clientCertificateSecret,omitempty"`
}

// The protocols that a backend is spoken to in.
const (
	ProtocolAuto  = "Auto" // HTTP/2 where TLS agrees on it, else HTTP/1.1
	ProtocolHTTP1 = "HTTP1"
	ProtocolH2C   = "H2C" // HTTP/2 without TLS, by prior knowledge
)
