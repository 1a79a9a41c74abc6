package sign

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// AWS signs requests by AWS Signature Version 4. It keeps what the SDK derives of a key for
// a day, and is safe for concurrent use.
type AWS struct {
	region, service string
	signer          *v4.Signer
}

// NewAWS returns what signs for one service in one region.
func NewAWS(region, service string) *AWS {
	// S3 takes a path as it is: it is encoded once, and its segments are those of a key.
	plain := strings.HasPrefix(service, "s3")
	return &AWS{region, service, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = plain })}
}

// AWSKey is a key, with the token of its session or without.
type AWSKey struct{ ID, Secret, Session string }

// Sign makes the fields for a request as it is sent, and the Host that goes with them; empty
// for that of the URL. What is signed are the Host, the body, Content-Type, Content-MD5 and
// the fields X-Amz-*: others may be changed on the way, as meshes do.
func (a *AWS) Sign(r *http.Request, body []byte, key AWSKey, at time.Time) (host string, fields []headers.Field, err error) {
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	signed := http.Request{Method: r.Method, Host: r.Host, URL: a.target(r.URL), Header: signedFields(r.Header)}
	signed.Header[routeconfig.FieldAmzContentSHA256] = []string{digest}
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Session}
	if err := a.signer.SignHTTP(r.Context(), credentials, &signed, digest, a.service, a.region, at); err != nil {
		return "", nil, fmt.Errorf("sign by SigV4: %w", err)
	}
	for _, name := range []string{"Authorization", routeconfig.FieldAmzDate, routeconfig.FieldAmzContentSHA256, routeconfig.FieldAmzSecurityToken} {
		if value := signed.Header.Get(name); value != "" {
			fields = append(fields, headers.Field{Name: name, Value: value})
		}
	}
	return signed.Host, fields, nil
}

// signedFields are those of a request that are signed, in a map of their own.
func signedFields(all http.Header) http.Header {
	out := http.Header{}
	for name, values := range all {
		if name == "Content-Type" || name == "Content-Md5" || strings.HasPrefix(name, "X-Amz-") {
			out[name] = slices.Clone(values)
		}
	}
	return out
}

// target is a request's URL in the form that the SDK wants: the raw path behind the host.
// The SDK leaves out what net/url cannot read of a query, among it what has a semicolon.
func (a *AWS) target(u *url.URL) *url.URL {
	path := u.Opaque
	if path == "" {
		path = u.EscapedPath()
	}
	if !strings.HasPrefix(a.service, "s3") {
		path = normal(path)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: "//" + u.Host + path, RawQuery: strings.ReplaceAll(u.RawQuery, ";", "%3B")}
}

// normal is a path as every service but S3 reads it before it judges a signature: without
// empty and dot segments. The SDK's signer leaves that to its callers.
func normal(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}
