package jwt

import (
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// noneOfUse is what is wrong with a set of keys that admits nobody.
const noneOfUse = "keys: there is none of use"

// Keys is the handle on the keys of an issuer in a ConfigMap.
func Keys(store *creds.Store, namespace string, at routeconfig.ConfigMapKey) *creds.Derived[*Set] {
	return creds.Trusted(store, namespace, at, string(routeconfig.UseJWKS), ParseSet)
}

// held is the keys that an Issuer has, and what was judged by them.
type held struct {
	*Set

	verdicts *verdicts // of these keys
	fetched  time.Time // or given
}

// State is what an Issuer has.
type State struct {
	// Keys is how many there are.
	Keys int
	// Age is since when they have not been fetched, or are not what their ConfigMap says; Never
	// where there never were any.
	Age   time.Duration
	Never bool
	// Problem says why they were not fetched the last time, that there is none of use, or that
	// the ConfigMap cannot be used. Where it is missing there are none, and no problem.
	Problem string
}

// State returns what the Issuer has now.
func (i *Issuer) State(now time.Time) State {
	if i.given != nil {
		return i.stateOfGiven(now)
	}
	s := State{Never: true}
	if h := i.current.Load(); h != nil {
		s = State{Keys: len(h.keys), Age: max(now.Sub(h.fetched), 0)}
		if s.Keys == 0 {
			s.Problem = noneOfUse
		}
	}
	if p := i.problem.Load(); p != nil {
		s.Problem = *p
	}
	return s
}

// stateOfGiven is that of keys in a ConfigMap.
func (i *Issuer) stateOfGiven(now time.Time) State {
	keys, err := i.given.Get()
	if err != nil {
		return State{Never: true} // what the route reads says why
	}
	s := State{Keys: len(keys.keys), Age: i.broken(now)}
	switch {
	case s.Keys == 0:
		s.Problem = noneOfUse
	case s.Age > 0:
		s.Problem = "keys: their ConfigMap cannot be used"
	}
	return s
}

// broken is for how long a ConfigMap has been one of which no keys are made; 0 where it is not.
func (i *Issuer) broken(now time.Time) time.Duration {
	if p := i.given.Problem(); p != nil && p.Stale {
		return max(now.Sub(p.Since), 1)
	}
	return 0
}

// held is nil where there are no keys, or none that are young enough.
func (i *Issuer) held(now time.Time) *held {
	if i.given != nil {
		return i.heldOfGiven(now)
	}
	h := i.current.Load()
	if h == nil || now.Sub(h.fetched) > MaxAge {
		return nil
	}
	return h
}

// heldOfGiven is what there is of a ConfigMap. What was judged is of one state of it.
func (i *Issuer) heldOfGiven(now time.Time) *held {
	keys, err := i.given.Get()
	if err != nil || i.broken(now) > MaxAge {
		return nil
	}
	if h := i.current.Load(); h != nil && h.Set == keys {
		return h
	}
	fresh := &held{keys, &verdicts{}, now}
	i.current.Store(fresh)
	return fresh
}
