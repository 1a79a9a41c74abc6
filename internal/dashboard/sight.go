package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// Admit says who asks, by what the request has to prove it. Its error wraps ErrUnauthenticated
// where that proves nothing, and ErrUnknowable where nobody can be asked.
type Admit func(r *http.Request) (Sight, error)

// Sight reports whether the one who asks may see the routes of a namespace; nil sees all. Its
// error wraps ErrUnknowable. It is called from several goroutines.
type Sight func(ctx context.Context, namespace string) (bool, error)

// What keeps somebody from the page. What their errors say is read by who is kept.
var (
	ErrUnauthenticated = errors.New("who asks is not known: send a token that the API server knows, as Authorization: Bearer")
	ErrForbidden       = errors.New("it takes the right to get fanoutroutes there, as the cluster role view gives it")
	ErrUnknowable      = errors.New("the API server does not say now who asks and what they may see; the operator's log says why")
)

// sightKey is that of a Sight in the context of a request.
type sightKey struct{}

func sightOf(ctx context.Context) Sight {
	sight, _ := ctx.Value(sightKey{}).(Sight)
	return sight
}

// admitted lets nobody in, not even to the page's files, who is not known.
func (s *server) admitted(next http.Handler) http.Handler {
	if s.Admit == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sight, err := s.Admit(r)
		if err == nil && sight == nil {
			err = ErrUnknowable // and not somebody who sees all
		}
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="fanout"`)
			answer(w, nil, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sightKey{}, sight)))
	})
}

// namespace is nil where a namespace may be seen, or why not.
func (s Sight) namespace(ctx context.Context, namespace string) error {
	if s == nil {
		return nil
	}
	may, err := s(ctx, namespace)
	if err == nil && !may {
		err = fmt.Errorf("the routes of namespace %q are not yours to see: %w", namespace, ErrForbidden)
	}
	return err
}

// asksAtOnce is how many namespaces are asked about side by side.
const asksAtOnce = 8

// within is what somebody may see of all routes. Nothing is taken over that is not about a route
// of such a namespace: Note may tell of any.
func (o *Overview) within(ctx context.Context, sight Sight) (*Overview, error) {
	if sight == nil {
		return o, nil
	}
	may, err := sight.each(ctx, o.namespaces())
	if err != nil {
		return nil, err
	}
	out := &Overview{Mode: o.Mode, Where: o.Where, Operators: []Operator{}, Routes: []Row{}}
	leases := map[string]bool{}
	for i := range o.Routes {
		if r := &o.Routes[i]; may[r.Namespace] {
			out.Routes = append(out.Routes, *r)
			leases[r.Operator] = true
		}
	}
	for _, of := range o.Operators {
		if leases[of.Lease] {
			out.Operators = append(out.Operators, of)
		}
	}
	return out, nil
}

// namespaces are those that have routes.
func (o *Overview) namespaces() (list []string) {
	known := map[string]bool{}
	for i := range o.Routes {
		if name := o.Routes[i].Namespace; !known[name] {
			known[name] = true
			list = append(list, name)
		}
	}
	return list
}

// each asks about namespaces side by side. One that cannot be asked about is an error: a list that
// lacks it would look whole.
func (s Sight) each(ctx context.Context, namespaces []string) (map[string]bool, error) {
	may, failed := make([]bool, len(namespaces)), make([]error, len(namespaces))
	slots := make(chan struct{}, asksAtOnce)
	var asking sync.WaitGroup
	for i, namespace := range namespaces {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			may[i], failed[i] = s(ctx, namespace)
		})
	}
	asking.Wait()
	out := map[string]bool{}
	for i, namespace := range namespaces {
		if failed[i] != nil {
			return nil, failed[i]
		}
		out[namespace] = may[i]
	}
	return out, nil
}
