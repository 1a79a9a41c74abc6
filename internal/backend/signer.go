package backend

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/outgoing"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/sign"
)

// signer makes the fields of a signature over a request as it is sent, at a time. It may set
// the Host that goes with them.
type signer interface {
	sign(attempt *http.Request, body []byte, secret *creds.Snapshot, at time.Time) ([]headers.Field, error)
}

func newSigner(c *routeconfig.Credential) signer {
	switch c.Type {
	case routeconfig.CredentialStandardWebhooks:
		return webhookSigner{}
	case routeconfig.CredentialHMAC:
		return &hmacSigner{key: c.Key, several: c.HMAC.SeveralKeys(), hmac: sign.NewHMAC(c.Header, c.HMAC)}
	case routeconfig.CredentialAWSSigV4:
		return &awsSigner{sign.NewAWS(c.AWS.Region, c.AWS.Service)}
	}
	return nil
}

// identify gives the message of a call its id, which all attempts have, where no rule did.
func (c *credential) identify(r *outgoing.Request) {
	if c == nil || c.Type != routeconfig.CredentialStandardWebhooks || len(r.Fields[routeconfig.FieldWebhookID]) > 0 {
		return
	}
	r.Fields[routeconfig.FieldWebhookID] = []string{sign.NewWebhookID()}
}

// sign adds a signature to one attempt, by keys that may go there now: what is signed with
// them proves to its receiver who we are. Large bodies are signed where that delays nobody.
func (c *credential) sign(attempt *http.Request, w *work) error {
	if c == nil || c.signer == nil {
		return nil
	}
	secret, err := c.values.Get()
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if err := c.allowed(c.values, secret, attempt.Host); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	var signature []headers.Field
	body := w.request.Body
	w.call.Memory.Do(len(body), func() { signature, err = c.signer.sign(attempt, body, secret, time.Now()) })
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	attempt.Header = maps.Clone(attempt.Header)
	for _, f := range signature {
		attempt.Header[f.Name] = []string{f.Value}
	}
	return nil
}

// webhookSigner signs by Standard Webhooks.
type webhookSigner struct{}

// errWebhookID is an id that could be read as one of another message: a dot ends it.
var errWebhookID = &creds.Fault{Text: "the Webhook-Id that request.headers.set yields is empty or has a dot", Kind: creds.ErrUnfit}

func (webhookSigner) sign(attempt *http.Request, body []byte, secret *creds.Snapshot, at time.Time) ([]headers.Field, error) {
	id := attempt.Header.Get(routeconfig.FieldWebhookID)
	if id == "" || strings.Contains(id, ".") {
		return nil, errWebhookID
	}
	return sign.Webhook(id, at, body, secret.Value(creds.WebhookSecret).WebhookKeys()), nil
}

// hmacSigner signs by a key that is a text, or by several.
type hmacSigner struct {
	key     string
	several bool
	hmac    *sign.HMAC
}

func (s *hmacSigner) sign(_ *http.Request, body []byte, secret *creds.Snapshot, at time.Time) ([]headers.Field, error) {
	value := secret.Value(s.key)
	if s.several {
		return s.hmac.Sign(at, body, value.TextKeys()), nil
	}
	return s.hmac.Sign(at, body, [][]byte{[]byte(value.Reveal())}), nil
}

// awsSigner signs by AWS Signature Version 4.
type awsSigner struct{ aws *sign.AWS }

// sign sends the Host that is signed: the SDK leaves a default port away.
func (s *awsSigner) sign(attempt *http.Request, body []byte, secret *creds.Snapshot, at time.Time) ([]headers.Field, error) {
	host, fields, err := s.aws.Sign(attempt, body, sign.AWSKey{
		ID:      secret.Value(creds.AWSKeyID).Reveal(),
		Secret:  secret.Value(creds.AWSSecretKey).Reveal(),
		Session: secret.Value(creds.AWSSessionToken).Reveal(),
	}, at)
	attempt.Host = host
	return fields, err
}
