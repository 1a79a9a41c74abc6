package gate

import (
	"cmp"
	"net/http"
)

// proof is one way to prove who calls.
type proof interface {
	// examine says what the request shows of it, and reads no body.
	examine(guest *Guest) verdict
}

// verdict is what a proof makes of a request.
type verdict struct {
	// known says that the proof is there and valid, and caller by what name.
	known  bool
	caller string
	// claims are what a token says, where the proof is one.
	claims []byte
	// later says that it was not judged, for reasons of ours.
	later bool
	// wants is what the proof asks for, in words, and challenge in those of
	// WWW-Authenticate. Both are set where the caller is not known.
	wants, challenge string
	// why is what is wrong with what was shown; empty where nothing was.
	why string
}

// because is the verdict with what is wrong.
func (v verdict) because(why string) verdict {
	v.why = why
	return v
}

// newProofs returns those that a route knows, in the order in which they are looked at.
func newProofs(o *Options) []proof {
	a, namespace := o.Config.Authentication, o.Config.Namespace
	if a == nil {
		return nil
	}
	var list []proof
	if a.APIKeys != nil {
		list = append(list, newCallerKeys(namespace, a.APIKeys, o.Store))
	}
	if a.Basic != nil {
		list = append(list, newPasswords(namespace, a.Basic, o))
	}
	if len(a.JWT) > 0 {
		list = append(list, newTokens(a.JWT, o))
	}
	if a.Certificate != nil {
		list = append(list, newCertificates(namespace, a.Certificate, o.Store))
	}
	return list
}

// identify finds out who calls, where the route asks: the first proof that is valid says so,
// whatever else is shown.
func (g *Gate) identify(guest *Guest, a *Admission) *Refusal {
	if len(g.proofs) == 0 {
		return nil
	}
	wants, later, why := "", false, ""
	var challenges []string
	for _, p := range g.proofs {
		v := p.examine(guest)
		if v.known {
			a.Call.Caller, a.Call.Claims = v.caller, v.claims
			return nil
		}
		if wants != "" {
			wants += ", or "
		}
		wants += v.wants
		challenges = append(challenges, v.challenge)
		later, why = later || v.later, cmp.Or(why, v.why)
	}
	if later {
		return callerUnjudged()
	}
	return unauthorized(wants, challenges, cmp.Or(why, nothingShown))
}

// authorization is the one line of that field. Of several it is not known which one counts.
func authorization(h http.Header) string {
	if lines := h["Authorization"]; len(lines) == 1 {
		return lines[0]
	}
	return ""
}
