package lookout

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
)

const (
	// A token that was taken back lets nobody in after knownFor, and a right that was taken or
	// given holds after mayFor.
	knownFor = 10 * time.Second
	mayFor   = 30 * time.Second
	// What is remembered is bounded: of tokens, of those that nobody knows, and of namespaces,
	// each for one who asks. Strangers' tokens must not push out those of others.
	maxKnown, maxUnknown, maxMay = 1024, 1024, 16384
	// reviewsAtOnce and reviewTimeout bound what is asked of the API server: whoever reaches the
	// page may send any token.
	reviewsAtOnce = 16
	reviewTimeout = 5 * time.Second
	// maxToken bounds a token, in bytes; those of identity providers have some KiB.
	maxToken = 16 << 10
)

// Gate has the API server say who asks for the page, and which namespaces' routes they may get. It
// is safe for concurrent use.
type Gate struct {
	reviews  authentication.TokenReviewInterface
	accesses authorization.SubjectAccessReviewInterface
	log      logr.Logger

	known, unknown, may *cache.LRUExpireCache
	slots               chan struct{}
	knowing, seeing     trouble
}

// trouble is why one kind of question was not answered last; nil where it was.
type trouble struct{ atomic.Pointer[string] }

// NewGate returns a Gate.
func NewGate(reviews authentication.TokenReviewInterface, accesses authorization.SubjectAccessReviewInterface, log logr.Logger) *Gate {
	return &Gate{
		reviews: reviews, accesses: accesses, log: log,
		known: cache.NewLRUExpireCache(maxKnown), unknown: cache.NewLRUExpireCache(maxUnknown), may: cache.NewLRUExpireCache(maxMay),
		slots: make(chan struct{}, reviewsAtOnce),
	}
}

// someone is who asks. The sum stands for all that rights depend on.
type someone struct {
	info authenticationv1.UserInfo
	sum  [sha256.Size]byte
}

// Admit is a dashboard.Admit.
func (g *Gate) Admit(r *http.Request) (dashboard.Sight, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return nil, dashboard.ErrUnauthenticated
	}
	who, err := g.who(r.Context(), token)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, namespace string) (bool, error) { return g.sees(ctx, who, namespace) }, nil
}

// who has a token. It is kept as its sum alone.
func (g *Gate) who(ctx context.Context, token string) (*someone, error) {
	key := sha256.Sum256([]byte(token))
	if kept, ok := g.known.Get(key); ok {
		if who, ok := kept.(*someone); ok {
			return who, nil
		}
	}
	if _, ok := g.unknown.Get(key); ok {
		return nil, dashboard.ErrUnauthenticated
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	err := g.ask(ctx, &g.knowing, func(ctx context.Context) (err error) {
		review, err = g.reviews.Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	if !review.Status.Authenticated || review.Status.User.Username == "" {
		g.unknown.Add(key, nil, knownFor)
		return nil, dashboard.ErrUnauthenticated
	}
	raw, err := json.Marshal(review.Status.User) // maps are written in the order of their keys
	if err != nil {
		return nil, fmt.Errorf("encode user: %w", err)
	}
	who := &someone{review.Status.User, sha256.Sum256(raw)}
	g.known.Add(key, who, knownFor)
	return who, nil
}

// sees reports whether somebody may get the routes of a namespace. Who may get those of all
// namespaces costs one question for all.
func (g *Gate) sees(ctx context.Context, who *someone, namespace string) (bool, error) {
	if len(content.IsDNS1123Label(namespace)) > 0 {
		return false, nil // there is none of that name, and none is what all are asked for by
	}
	may, err := g.allowed(ctx, who, metav1.NamespaceAll)
	if may || err != nil {
		return may, err
	}
	return g.allowed(ctx, who, namespace)
}

// right is what is remembered of rights.
type right struct {
	who       [sha256.Size]byte
	namespace string
}

func (g *Gate) allowed(ctx context.Context, who *someone, namespace string) (bool, error) {
	key := right{who.sum, namespace}
	if kept, ok := g.may.Get(key); ok {
		if may, ok := kept.(bool); ok {
			return may, nil
		}
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.info.Username, UID: who.info.UID, Groups: who.info.Groups, Extra: extra(who.info.Extra),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "get", Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "fanoutroutes",
		},
	}}
	err := g.ask(ctx, &g.seeing, func(ctx context.Context) (err error) {
		review, err = g.accesses.Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return false, err
	}
	may := review.Status.Allowed && !review.Status.Denied
	g.may.Add(key, may, mayFor)
	return may, nil
}

// extra is the same in the words of another group.
func extra(in map[string]authenticationv1.ExtraValue) map[string]authorizationv1.ExtraValue {
	out := make(map[string]authorizationv1.ExtraValue, len(in))
	for name, values := range in {
		out[name] = authorizationv1.ExtraValue(values)
	}
	return out
}

// ask asks the API server within its bounds. What goes wrong is logged once a change and not told
// to whoever asks: it speaks of the operator's own rights.
func (g *Gate) ask(ctx context.Context, of *trouble, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return dashboard.ErrUnknowable // too many ask
	}
	err := do(ctx)
	if err == nil {
		of.Store(nil)
		return nil
	}
	text := err.Error()
	if before := of.Swap(&text); (before == nil || *before != text) && ctx.Err() == nil {
		g.log.Error(err, "the API server does not say who asks for the page, or what they may see")
	}
	return dashboard.ErrUnknowable
}
