package gate

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// tokens knows callers by the tokens of issuers.
type tokens struct {
	places           []tokenPlace
	digests          *jwt.Digests
	unknown, invalid verdict
}

// tokenPlace is where tokens are, and whose.
type tokenPlace struct {
	header, prefix, query string
	issuers               []*jwt.Issuer
}

func newTokens(config []routeconfig.CallerJWT, o *Options) *tokens {
	t := &tokens{digests: o.Digests}
	var from []string
	for i := range config {
		j := &config[i]
		at := tokenPlace{header: http.CanonicalHeaderKey(j.Header), prefix: j.Prefix, query: j.Query}
		same := func(p tokenPlace) bool {
			return p.header == at.header && p.query == at.query && strings.EqualFold(p.prefix, at.prefix)
		}
		known := slices.IndexFunc(t.places, same)
		if known < 0 {
			known = len(t.places)
			t.places = append(t.places, at)
			from = append(from, at.String())
		}
		t.places[known].issuers = append(t.places[known].issuers, o.Issuers[i])
	}
	challenge := fmt.Sprintf("Bearer realm=%q", realm)
	t.unknown = verdict{wants: "a token in " + strings.Join(from, " or "), challenge: challenge}
	t.invalid = verdict{wants: t.unknown.wants, challenge: challenge + `, error="invalid_token"`} // RFC 6750, section 3.1
	return t
}

// String is for the detail of a refusal.
func (p *tokenPlace) String() string {
	if p.query != "" {
		return "the query parameter " + p.query
	}
	return p.header
}

// examine implements proof. A token that was judged before takes microseconds.
func (t *tokens) examine(guest *Guest) verdict {
	out, worst := t.unknown, jwt.NoFlaw
	for i := range t.places {
		sent, ok := t.places[i].find(guest.Request)
		if !ok {
			continue
		}
		found, judged, flaw := t.judge(guest, &t.places[i], sent)
		switch judged {
		case jwt.Admitted:
			return verdict{known: true, caller: found.Name, claims: found.Claims}
		case jwt.Refused, jwt.Unjudged:
			worst = max(worst, flaw)
			out = t.invalid
			out.why, out.later = ofToken(worst), out.later || judged == jwt.Unjudged
		}
	}
	return out
}

func (t *tokens) judge(guest *Guest, at *tokenPlace, sent string) (*jwt.Caller, jwt.Verdict, jwt.Flaw) {
	if len(sent) > jwt.MaxToken {
		return nil, jwt.Refused, jwt.Malformed
	}
	digest, now := t.digests.Of(sent), time.Now()
	for _, issuer := range at.issuers {
		if known := issuer.Recall(digest, now); known != nil {
			return known, jwt.Admitted, jwt.NoFlaw
		}
	}
	token, verdict, worst := jwt.Parse(sent), jwt.Refused, jwt.WrongIssuer
	if token == nil {
		return nil, verdict, jwt.Malformed
	}
	for _, issuer := range at.issuers {
		if !issuer.Issues(token) {
			continue
		}
		switch found, judged, flaw := issuer.Judge(guest.Request.Context(), token, digest); judged {
		case jwt.Admitted:
			return found, judged, flaw
		case jwt.Unjudged:
			verdict = judged
		case jwt.Refused:
			worst = max(worst, flaw)
		}
	}
	return nil, verdict, worst
}

// find returns the one token that is there. Of several it is not known which one counts.
func (p *tokenPlace) find(r *http.Request) (token string, ok bool) {
	if p.query != "" {
		return parameter(r.RequestURI, p.query)
	}
	lines := r.Header[p.header]
	if len(lines) != 1 {
		return "", false
	}
	if p.prefix == "" {
		return lines[0], lines[0] != ""
	}
	scheme, rest, found := strings.Cut(lines[0], " ")
	if !found || !strings.EqualFold(scheme, p.prefix) {
		return "", false
	}
	return strings.TrimLeft(rest, " "), true
}

// parameter returns the one value of a parameter of a request-target.
func parameter(target, name string) (value string, ok bool) {
	_, query, _ := strings.Cut(target, "?")
	for part := range strings.SplitSeq(query, "&") {
		if !carries(part, name) {
			continue
		}
		if ok {
			return "", false
		}
		_, raw, _ := strings.Cut(part, "=")
		unescaped, err := url.QueryUnescape(raw)
		if err != nil || unescaped == "" {
			return "", false
		}
		value, ok = unescaped, true
	}
	return value, ok
}

// carries reports whether a part of a query is of a parameter, however its name is written.
func carries(part, name string) bool {
	raw, _, _ := strings.Cut(part, "=")
	unescaped, err := url.QueryUnescape(raw)
	return err == nil && unescaped == name
}

// hideTokens takes tokens out of what backends and expressions get of the query, and leaves
// all other bytes as they are.
func (g *Gate) hideTokens(_ *Guest, a *Admission) *Refusal {
	if len(g.secrets) == 0 || a.Call.Query == "" {
		return nil
	}
	parts := strings.Split(a.Call.Query, "&")
	before := len(parts)
	kept := slices.DeleteFunc(parts, func(part string) bool {
		return slices.ContainsFunc(g.secrets, func(name string) bool { return carries(part, name) })
	})
	if len(kept) < before {
		a.Call.Query, a.Call.HasQuery = strings.Join(kept, "&"), len(kept) > 0
	}
	return nil
}
