package routeconfig

import (
	"errors"
	"fmt"
	"iter"
)

// Shadow is a backend whose answer never counts.
type Shadow struct {
	Backend

	// Percent is the share of calls that it is sent, 1 to 100.
	Percent int `json:"percent"`
	// Compare is CompareNone, CompareOutcome or CompareBody.
	Compare string `json:"compare"`
	// Reference is the index in Route.Backends of the one that it is compared with.
	Reference int `json:"reference"`
	// IgnoredPaths are JSON Pointers (RFC 6901) of what is not compared of a body.
	IgnoredPaths []string `json:"ignoredPaths,omitempty"`
}

// What of a shadow's answer is compared.
const (
	CompareNone    = "None"
	CompareOutcome = "Outcome"
	CompareBody    = "Body"
)

// Receivers yields whoever is sent calls: the backends, then the shadows.
func (r *Route) Receivers() iter.Seq[*Backend] {
	return func(yield func(*Backend) bool) {
		for i := range r.Backends {
			if !yield(&r.Backends[i]) {
				return
			}
		}
		for i := range r.Shadows {
			if !yield(&r.Shadows[i].Backend) {
				return
			}
		}
	}
}

// maxReceivers is how many backends a route may have, shadows included.
const maxReceivers = 32

func (r *Route) validateReceivers() error {
	errs := []error{
		between("backends", int64(len(r.Backends)), 1, maxReceivers),
		between("backends and shadows", int64(len(r.Backends)+len(r.Shadows)), 0, maxReceivers),
	}
	names := map[string]bool{}
	for b := range r.Receivers() {
		if names[b.Name] {
			errs = append(errs, fmt.Errorf("backend %q: appears twice", b.Name))
		}
		names[b.Name] = true
		if err := b.validate(); err != nil {
			errs = append(errs, fmt.Errorf("backend %q: %w", b.Name, err))
		}
	}
	for i := range r.Shadows {
		if err := r.Shadows[i].validate(r); err != nil {
			errs = append(errs, fmt.Errorf("shadow %q: %w", r.Shadows[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

// validate checks what a shadow has beyond a backend.
func (s *Shadow) validate(r *Route) error {
	errs := []error{
		between("percent", int64(s.Percent), 1, 100),
		oneOf("compare", s.Compare, CompareNone, CompareOutcome, CompareBody),
		between("reference", int64(s.Reference), 0, int64(len(r.Backends))-1),
	}
	if s.Compare == CompareBody && !r.Response.Combined() {
		errs = append(errs, errors.New("compare is Body, and the response is streamed"))
	}
	return errors.Join(errs...)
}
