// Package creds holds credentials: it reads them from mounted files, keeps the
// last good value of those that we show, and fetches OAuth 2.0 tokens with them. Values
// leave it only by Reveal, to be written on the wire to the backend that they are for.
package creds

import (
	"iter"
	"log/slog"
	"strings"
)

// redacted is what every way of printing a Value shows.
const redacted = "[redacted]"

// Value is a secret.
type Value struct{ secret string }

// Reveal returns the secret.
func (v Value) Reveal() string { return v.secret }

// Lines yields the secrets of which each has a line, by the line's number from 1, without
// their line ends. Blank lines are none.
func (v Value) Lines() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(v.secret) {
			number++
			if line = cutLineEnd(line); strings.Trim(line, " \t") != "" && !yield(number, line) {
				return
			}
		}
	}
}

// String does not return the secret.
func (Value) String() string { return redacted }

// GoString does not return the secret.
func (Value) GoString() string { return redacted }

// LogValue does not return the secret.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText does not return the secret.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON does not return the secret.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
