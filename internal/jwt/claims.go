package jwt

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// maxName bounds a caller's name, in bytes.
	maxName = 256
	// lastDate is the year 9999: what is later is no date (RFC 7519, section 2).
	lastDate = 253402300799
)

// rules are what the claims of an issuer's tokens must say.
type rules struct {
	issuer    string
	audiences []string
	skew      time.Duration
	required  []routeconfig.RequiredClaim
	caller    []string
}

func newRules(config *routeconfig.CallerJWT) rules {
	return rules{
		issuer: config.Issuer, audiences: config.Audiences, skew: time.Duration(config.ClockSkew),
		required: config.RequiredClaims, caller: config.Caller,
	}
}

// admit returns who the token is of, or why it does not say what it must. Its signature
// is another matter.
func (r *rules) admit(t *Token, now time.Time) (*Caller, Flaw) {
	end, ok := date(t.claims["exp"])
	switch {
	case !r.issued(t):
		return nil, WrongIssuer
	case !ok:
		return nil, NoExpiry // it would be valid for ever
	case !now.Before(end.Add(r.skew)):
		return nil, Expired
	}
	for _, name := range []string{"nbf", "iat"} {
		raw, set := t.claims[name]
		begin, ok := date(raw)
		if set && (!ok || now.Before(begin.Add(-r.skew))) {
			return nil, NotYetValid
		}
	}
	if len(r.audiences) > 0 && !slices.ContainsFunc(words(t.claims["aud"], false), func(a string) bool { return slices.Contains(r.audiences, a) }) {
		return nil, WrongAudience
	}
	for i := range r.required {
		if !holds(&r.required[i], t.claims) {
			return nil, LacksClaim
		}
	}
	name := name(find(t.claims, r.caller))
	if name == "" {
		return nil, NoCaller
	}
	return &Caller{Name: name, Claims: t.payload, until: end.Add(r.skew)}, NoFlaw
}

// issued reports whether a token says who has issued it, where that is asked for.
func (r *rules) issued(t *Token) bool { return r.issuer == "" || t.Issuer() == r.issuer }

// holds reports whether a claim is there and, where values are asked for, has one of them:
// as itself, as an item of a list, or as a word of scope (RFC 8693, section 4.2).
func holds(c *routeconfig.RequiredClaim, claims map[string][]byte) bool {
	raw := find(claims, c.Claim)
	if len(raw) == 0 || string(raw) == "null" {
		return false
	}
	if len(c.Values) == 0 {
		return true
	}
	has := words(raw, len(c.Claim) == 1 && c.Claim[0] == "scope")
	return slices.ContainsFunc(c.Values, func(v string) bool { return slices.Contains(has, v) })
}

// words are the texts of a claim: its own, or those of its items. Numbers and true and false
// are as they are written.
func words(raw []byte, split bool) []string {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '[':
		var list []string
		for item := range rawjson.Elements(raw) {
			if item[0] != '[' {
				list = append(list, words(item, false)...)
			}
		}
		return list
	case '"':
		if split {
			return strings.Fields(text(raw))
		}
		return []string{text(raw)}
	case '{', 'n':
		return nil
	}
	return []string{string(raw)}
}

// find follows a path into the claims; nil where it ends before.
func find(claims map[string][]byte, path []string) []byte {
	for i, name := range path {
		raw := claims[name]
		if i == len(path)-1 {
			return raw
		}
		claims = object(raw)
	}
	return nil
}

// name is that of a caller: a text of one line, or a number. Empty is none.
func name(raw []byte) string {
	if len(raw) == 0 || len(raw) > 6*maxName+2 { // of which each character may be escaped
		return ""
	}
	name := text(raw)
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		name = string(raw)
	}
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return name
}

// date reads a NumericDate (RFC 7519, section 2), which may have a fraction.
func date(raw []byte) (time.Time, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) > lastDate {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}
