package gate

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// The fields that tell of limits (draft-ietf-httpapi-ratelimit-headers), lists of structured
// fields, by the names that http.Header has for them.
const (
	FieldRateLimit       = "Ratelimit"
	FieldRateLimitPolicy = "Ratelimit-Policy"
)

// policy is what all limits of a route say of themselves, whatever the call; nil where
// callers are told nothing.
func policy(limiters []*Limiter) []string {
	var text []byte
	for _, l := range limiters {
		if !l.config.Told {
			continue
		}
		if text != nil {
			text = append(text, ", "...)
		}
		quota, window := l.quota()
		text = strconv.AppendInt(append(append(text, l.name...), ";q="...), quota, 10)
		text = strconv.AppendInt(append(text, ";w="...), window, 10)
	}
	if text == nil {
		return nil
	}
	return []string{string(text)}
}

// quota is the limit in whole seconds, which the field has alone, rounded down.
func (l *Limiter) quota() (calls, seconds int64) {
	per := time.Duration(l.config.Per).Seconds()
	seconds = max(int64(math.Ceil(per)), 1)
	return int64(float64(l.config.Requests) * float64(seconds) / per), seconds
}

// appendStanding writes what is left: the calls that would be admitted now, and the seconds
// until the bucket is full, or until there is a call where none is left.
func (l *Limiter) appendStanding(dst []byte, s standing, ok bool) []byte {
	if dst == nil {
		dst = make([]byte, 0, 64)
	} else {
		dst = append(dst, ", "...)
	}
	seconds := s.full
	if !ok {
		seconds = wholeSeconds(s.wait)
	}
	dst = strconv.AppendInt(append(append(dst, l.name...), ";r="...), int64(s.left), 10)
	return strconv.AppendInt(append(dst, ";t="...), seconds, 10)
}

// tellLimits adds to the fields that the response will have.
func (g *Gate) tellLimits(h http.Header, standings string) {
	if before := h[FieldRateLimit]; len(before) == 1 {
		standings = before[0] + ", " + standings
	}
	h[FieldRateLimit], h[FieldRateLimitPolicy] = []string{standings}, g.policy
}

// wholeSeconds is a wait as fields have it.
func wholeSeconds(wait time.Duration) int64 { return max(int64(math.Ceil(wait.Seconds())), 1) }
