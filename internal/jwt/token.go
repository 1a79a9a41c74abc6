package jwt

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// Token is a token as it was sent: nothing that it says is believed yet.
type Token struct {
	compact  []byte
	alg, kid string
	payload  []byte
	claims   map[string][]byte
}

// Issuer is who the token says has issued it.
func (t *Token) Issuer() string { return text(t.claims["iss"]) }

// Parse reads a token: a JWS whose payload is a JSON object. Nil is no token.
func Parse(compact string) *Token {
	t := parseSigned(compact)
	if t == nil {
		return nil
	}
	if t.claims = object(t.payload); t.claims == nil {
		return nil
	}
	return t
}

// parseSigned reads a JWS in the compact form (RFC 7515, section 3.1), and nothing but what
// that is: other forms, blanks, padding and signs of other alphabets are refused, as are
// headers that ask for what we do not do.
func parseSigned(compact string) *Token {
	parts := strings.Split(compact, ".")
	if len(compact) > MaxToken || len(parts) != 3 || parts[2] == "" {
		return nil
	}
	strict := base64.RawURLEncoding.Strict()
	var decoded [3][]byte
	for i, part := range parts {
		if strings.ContainsAny(part, "\r\n") { // which the decoder skips
			return nil
		}
		var err error
		if decoded[i], err = strict.DecodeString(part); err != nil {
			return nil
		}
	}
	header := object(decoded[0])
	t := &Token{compact: []byte(compact), alg: text(header["alg"]), payload: decoded[1]}
	if t.alg == "" || !plainHeader(header) {
		return nil
	}
	if raw, ok := header["kid"]; ok {
		if t.kid = text(raw); t.kid == "" {
			return nil
		}
	}
	return t
}

// plainHeader reports whether a header asks for nothing that changes what the token is:
// extensions that must be understood, a payload that is not encoded, or compressed, or the
// type of another kind of token (RFC 8725, section 3.11). Keys that it brings along, or
// tells where to fetch, are never looked at.
func plainHeader(header map[string][]byte) bool {
	for _, name := range []string{"crit", "b64", "zip"} {
		if _, ok := header[name]; ok {
			return false
		}
	}
	raw, ok := header["typ"]
	if !ok {
		return true
	}
	kind := strings.TrimPrefix(strings.ToLower(text(raw)), "application/")
	return slices.Contains([]string{"jwt", "at+jwt"}, kind)
}

// object reads a JSON object by its members, whose names are compared as they are; of two of
// one name the last one counts (RFC 7515, section 4). Nil is none.
func object(raw []byte) map[string][]byte {
	if !utf8.Valid(raw) {
		return nil
	}
	s := rawjson.Scanner{}
	value, ok := s.Scan(raw)
	if !ok || value[0] != '{' {
		return nil
	}
	members := make(map[string][]byte, 16)
	for name, of := range rawjson.Members(value) {
		members[string(rawjson.Unquote(name))] = of
	}
	return members
}

// text is a JSON string, empty for anything else.
func text(raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return string(rawjson.Unquote(raw))
}
