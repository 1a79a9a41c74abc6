package injector

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/selfsigned"
)

const (
	// certificateLife is how long a certificate of the injector is valid, and
	// certificateAge how old it gets.
	certificateLife = 24 * time.Hour
	certificateAge  = 8 * time.Hour
	// trustEvery is how often the bundle is looked after: somebody may have applied
	// the manifests again, which empties it.
	trustEvery = 30 * time.Second
	// trustDelay is how long API servers are given to learn of a new certificate
	// before it is shown.
	trustDelay = time.Minute
	// trustPause is the same for the first one, which nobody shows an older one for.
	trustPause = 5 * time.Second
)

// Trust makes the injector's certificates, and tells the API server of them
// in the webhook's caBundle. Each replica of the operator has one of its own, which
// never leaves its memory: the bundle holds those of all.
type Trust struct {
	Client client.Client
	// Webhook is the name of the MutatingWebhookConfiguration.
	Webhook string
	// Host is the DNS name of the injector's Service.
	Host string

	shown   atomic.Pointer[tls.Certificate]
	readyAt atomic.Pointer[time.Time]
}

// Ready is a check of readiness: a replica that the API server does not trust yet
// would leave Pods without their sidecar.
func (t *Trust) Ready(*http.Request) error {
	if at := t.readyAt.Load(); at == nil || time.Now().Before(*at) {
		return errors.New("the API server does not trust the injector yet")
	}
	return nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: all replicas inject.
func (*Trust) NeedLeaderElection() bool { return false }

// GetCertificate is that of tls.Config.
func (t *Trust) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := t.shown.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the injector has no certificate yet")
}

// Start implements manager.Runnable.
func (t *Trust) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("injector")
	var current, next *selfsigned.Certificate
	var made time.Time
	tick := time.NewTicker(trustEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		if next == nil && now.Sub(made) > certificateAge {
			fresh, err := selfsigned.New(t.Host, now, certificateLife)
			if err != nil {
				return fmt.Errorf("make certificate of the injector: %w", err)
			}
			next, made = fresh, now
		}
		if err := t.trust(ctx, now, current, next); err != nil {
			log.Error(err, "webhook not updated") // the next tick tries again
		} else if next != nil && (current == nil || now.Sub(made) >= trustDelay) {
			current, next = next, nil
			t.shown.Store(&current.TLS)
			t.readyAt.CompareAndSwap(nil, new(now.Add(trustPause)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// trust puts certificates into the bundle of each webhook, beside those of others.
func (t *Trust) trust(ctx context.Context, now time.Time, certificates ...*selfsigned.Certificate) error {
	var add [][]byte
	for _, c := range certificates {
		if c != nil {
			add = append(add, c.PEM)
		}
	}
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		webhook := &admissionv1.MutatingWebhookConfiguration{}
		if err := t.Client.Get(ctx, types.NamespacedName{Name: t.Webhook}, webhook); err != nil {
			return err // the retry looks at its kind
		}
		before := webhook.DeepCopy()
		changed := false
		for i := range webhook.Webhooks {
			c := &webhook.Webhooks[i].ClientConfig
			bundle := selfsigned.Bundle(c.CABundle, now, add...)
			changed = changed || !bytes.Equal(bundle, c.CABundle)
			c.CABundle = bundle
		}
		if !changed {
			return nil
		}
		// The patch holds the bundles alone: the object may be of a newer API than ours.
		return t.Client.Patch(ctx, webhook, client.StrategicMergeFrom(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(desired.ManagedBy))
	})
	if err != nil {
		return fmt.Errorf("update webhook %s: %w", t.Webhook, err)
	}
	return nil
}
