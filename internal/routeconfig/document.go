// Package routeconfig is the document: the versioned JSON that the operator
// writes and the proxy reads, and the first contract between the two; the report on
// /status, in package stats, is the other one. It imports nothing but the standard
// library, holds no secret, and a document that Decode returned is valid.
package routeconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Version is the version of the document that this package reads and writes.
const Version = 2

const (
	// MaxBytes is the largest document of one route: a ConfigMap's limit.
	MaxBytes = 1 << 20
	// maxDecoded is the largest that Decode takes, of however many routes.
	maxDecoded = 64 * MaxBytes
)

// Document is everything that a proxy serves.
type Document struct {
	Version int     `json:"version"`
	Routes  []Route `json:"routes"`
}

// Route is one FanoutRoute, compiled: defaults are filled in, references are
// names of Secrets below the folder of mounted credentials.
type Route struct {
	Namespace      string          `json:"namespace"`
	Name           string          `json:"name"`
	Listener       Listener        `json:"listener"`
	Authentication *Authentication `json:"authentication,omitempty"`
	Authorization  *Authorization  `json:"authorization,omitempty"`
	// CredentialHeaders are fields that carry callers' credentials, beyond those that the
	// proxy knows by itself.
	CredentialHeaders []string    `json:"credentialHeaders,omitempty"`
	RateLimits        []RateLimit `json:"rateLimits,omitempty"`
	// RateLimitStore is nil where no limit is shared.
	RateLimitStore *RateLimitStore `json:"rateLimitStore,omitempty"`
	Validation     Validation      `json:"validation"`
	Dispatch       Dispatch        `json:"dispatch"`
	// Backends are those whose answers count.
	Backends []Backend `json:"backends"`
	// Shadows are sent calls, too. No index in a document means one of them.
	Shadows  []Shadow `json:"shadows,omitempty"`
	Response Response `json:"response"`
	// AccessLog is nil where the proxy's own setting holds.
	AccessLog *AccessLog `json:"accessLog,omitempty"`
	// Tracing is nil where no call is told of.
	Tracing *Tracing `json:"tracing,omitempty"`
}

// Duration is written as a string such as "1.5s".
type Duration time.Duration

// MarshalJSON writes the duration as Go prints it.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("read duration %q: %w", s, err)
	}
	*d = Duration(parsed)
	return nil
}

// Encode writes a document in its one form: equal documents have equal bytes.
func Encode(d *Document) ([]byte, error) {
	d.Version = Version
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads and validates a document. Unknown fields are errors: a proxy must
// not serve half of what an operator of another version asked for.
func Decode(b []byte) (*Document, error) {
	if len(b) > maxDecoded {
		return nil, fmt.Errorf("decode document: %d bytes exceed the limit of %d", len(b), maxDecoded)
	}
	decoder := json.NewDecoder(strings.NewReader(string(b)))
	decoder.DisallowUnknownFields()
	d := &Document{}
	if err := decoder.Decode(d); err != nil {
		if other := ofOtherVersion(b); other != nil {
			return nil, fmt.Errorf("decode document: %w", other)
		}
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode document: more than one JSON value")
	}
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("validate document: %w", err)
	}
	return d, nil
}

// Hash names the route's own part of the document, whatever other routes stand beside it.
func (r *Route) Hash() (string, error) {
	encoded, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode route %s/%s: %w", r.Namespace, r.Name, err)
	}
	return Hash(encoded), nil
}

// ofOtherVersion is an error where a document that cannot be decoded says that it is of
// another version: what is wrong with it then is not its first unknown field.
func ofOtherVersion(b []byte) error {
	var d struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil
	}
	return readable(d.Version)
}

// readable is an error for the versions that this package does not read.
func readable(version int) error {
	writer := "older"
	switch {
	case version == Version:
		return nil
	case version > Version:
		writer = "newer"
	}
	return fmt.Errorf("the document is of version %d and this proxy reads version %d: the operator that wrote it is %s than the proxy",
		version, Version, writer)
}

// Hash names the content of an encoded document, and goes into annotations and
// /status.
func Hash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}
