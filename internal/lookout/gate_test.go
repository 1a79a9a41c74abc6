package lookout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/fanout-operator/fanout/internal/dashboard"
)

// scripted is an API server that knows users by tokens of the same name, and lets each see the
// namespace of that name.
type scripted struct {
	tokens, rights, busy, most atomic.Int32
	takenBack, hangs           atomic.Bool
	failing                    error
}

type tokens struct {
	authentication.TokenReviewInterface
	*scripted
}

func (s tokens) Create(ctx context.Context, r *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	s.tokens.Add(1)
	busy := s.busy.Add(1)
	defer s.busy.Add(-1)
	for busy > s.most.Load() {
		s.most.Store(busy)
	}
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, fmt.Errorf("no answer: %w", ctx.Err())
	}
	r.Status.Authenticated = !strings.HasPrefix(r.Spec.Token, "wrong") && !s.takenBack.Load()
	r.Status.User.Username = r.Spec.Token
	return r, s.failing
}

type rights struct {
	authorization.SubjectAccessReviewInterface
	*scripted
}

func (s rights) Create(_ context.Context, r *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	s.rights.Add(1)
	of := r.Spec.ResourceAttributes
	r.Status.Allowed = of.Namespace == r.Spec.User && of.Verb == "get" && of.Group == "fanout.dev" && of.Resource == "fanoutroutes" && !s.takenBack.Load()
	return r, nil
}

func (s *scripted) gate(log logr.Logger) *Gate {
	return NewGate(tokens{scripted: s}, rights{scripted: s}, log)
}

// admit is what a gate makes of a field.
func admit(ctx context.Context, g *Gate, authorization string) (dashboard.Sight, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header.Set("Authorization", authorization)
	return g.Admit(r)
}

// What is no token is not asked about, and neither is what is no namespace.
func TestWhatIsAskedOfTheAPIServer(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	g := s.gate(logr.Discard())
	for _, field := range []string{"", "Bearer", "Bearer ", "Basic c2hvcA==", "shop", "Bearer " + strings.Repeat("x", maxToken+1)} {
		if _, err := admit(t.Context(), g, field); !errors.Is(err, dashboard.ErrUnauthenticated) {
			t.Errorf("%.20q: %v", field, err)
		}
	}
	if n := s.tokens.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	sight, err := admit(t.Context(), g, "bearer shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"", "shop/x", "Shop", strings.Repeat("x", 64)} {
		if may, err := sight(t.Context(), namespace); may || err != nil {
			t.Errorf("%q: %v %v", namespace, may, err)
		}
	}
	if n := s.rights.Load(); n != 0 {
		t.Errorf("asked %d times about what is no namespace", n)
	}
}

// What the API server says holds for a moment and no longer, what nobody knows included.
func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		g := s.gate(logr.Discard())
		see := func(token string) (may bool, err error) {
			sight, err := admit(t.Context(), g, "Bearer "+token)
			if err != nil {
				return false, err
			}
			return sight(t.Context(), "shop")
		}
		for range 5 {
			if may, err := see("shop"); !may || err != nil {
				t.Errorf("who may: %v %v", may, err)
			}
			if may, err := see("lab"); may || err != nil {
				t.Errorf("who may not: %v %v", may, err)
			}
			if _, err := see("wrong"); !errors.Is(err, dashboard.ErrUnauthenticated) {
				t.Errorf("who is not known: %v", err)
			}
		}
		if tokens, rights := s.tokens.Load(), s.rights.Load(); tokens != 3 || rights != 4 {
			t.Errorf("asked %d times about tokens and %d times about rights, want 3 and 4", tokens, rights)
		}
		s.takenBack.Store(true)
		time.Sleep(knownFor + time.Second)
		if _, err := see("shop"); !errors.Is(err, dashboard.ErrUnauthenticated) {
			t.Errorf("a token that was taken back: %v", err)
		}
		time.Sleep(mayFor)
		s.takenBack.Store(false)
		if may, err := see("shop"); !may || err != nil {
			t.Errorf("a token that is good again: %v %v", may, err)
		}
		for i := range 3 * maxUnknown {
			_, _ = see(fmt.Sprintf("wrong%d", i))
		}
		if n := len(g.unknown.Keys()); n > maxUnknown {
			t.Errorf("%d tokens are remembered that nobody knows", n)
		}
		before := s.tokens.Load()
		if may, err := see("shop"); !may || err != nil || s.tokens.Load() != before {
			t.Errorf("strangers pushed out what is known: %v %v", may, err)
		}
	})
}

// Strangers' tokens take so many questions at once and no more; who waits too long is told so. The
// operator's own trouble is logged once, and not told to strangers.
func TestTheAPIServerIsNotFlooded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.hangs.Store(true)
		g := s.gate(logr.Discard())
		var refused atomic.Int32
		for i := range 100 {
			go func() {
				if _, err := admit(t.Context(), g, fmt.Sprintf("Bearer t%d", i)); errors.Is(err, dashboard.ErrUnknowable) {
					refused.Add(1)
				}
			}()
		}
		time.Sleep(3 * reviewTimeout)
		synctest.Wait()
		if s.most.Load() != reviewsAtOnce || refused.Load() != 100 {
			t.Errorf("%d at once, %d of 100 were refused", s.most.Load(), refused.Load())
		}
	})
	var lines atomic.Int32
	s := &scripted{failing: errors.New("tokenreviews is forbidden: the operator may not")}
	g := s.gate(funcr.New(func(_, _ string) { lines.Add(1) }, funcr.Options{}))
	for range 3 {
		if _, err := admit(t.Context(), g, "Bearer shop"); !errors.Is(err, dashboard.ErrUnknowable) || strings.Contains(err.Error(), "forbidden") {
			t.Errorf("told: %v", err)
		}
	}
	if lines.Load() != 1 || s.tokens.Load() != 3 {
		t.Errorf("%d lines for one trouble; asked %d times, and a failure is not remembered", lines.Load(), s.tokens.Load())
	}
}
