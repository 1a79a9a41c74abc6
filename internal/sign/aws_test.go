package sign_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/sign"
)

// outgoing is a request as package outgoing makes it: its path in Opaque.
func outgoing(method, address string, fields ...string) *http.Request {
	u, _ := url.Parse(address) // one of ours
	_, rest, _ := strings.Cut(strings.SplitN(address, "?", 2)[0], "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 && !strings.HasPrefix(rest[i:], "//") {
		u.Opaque, u.Path, u.RawPath = rest[i:], "", ""
	}
	r := &http.Request{Method: method, URL: u, Header: http.Header{"User-Agent": nil}}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func key() sign.AWSKey {
	return sign.AWSKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
}

// signed are the fields by name, and the Host that goes with them.
func signed(t *testing.T, service string, r *http.Request, body string, k sign.AWSKey) (fields map[string]string, host string) {
	t.Helper()
	host, list, err := sign.NewAWS("us-east-1", service).Sign(r, []byte(body), k, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	fields = map[string]string{}
	for _, f := range list {
		fields[f.Name] = f.Value
	}
	return fields, host
}

const authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
	"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="

// Two examples of the documentation of S3 that sign the same fields as we do.
func TestAWSIsTheVectorOfItsDocumentation(t *testing.T) {
	t.Parallel()
	for query, signature := range map[string]string{
		"lifecycle":           "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		"max-keys=2&prefix=J": "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
	} {
		got, _ := signed(t, "s3", outgoing("GET", "https://examplebucket.s3.amazonaws.com/?"+query), "", key())
		if got["Authorization"] != authorization+signature {
			t.Errorf("%s: %s", query, got["Authorization"])
		}
		if got[routeconfig.FieldAmzDate] != "20130524T000000Z" || got[routeconfig.FieldAmzContentSHA256] != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
			t.Errorf("%s: %v", query, got)
		}
		if _, has := got[routeconfig.FieldAmzSecurityToken]; has || len(got) != 3 {
			t.Errorf("%s: fields are %v, want three", query, got)
		}
	}
}

// signature of a request to API Gateway, or to S3.
func signature(t *testing.T, service, address, body string, fields ...string) string {
	t.Helper()
	got, _ := signed(t, service, outgoing("POST", address, fields...), body, key())
	return got["Authorization"]
}

// What a receiver judges changes the signature, and what is changed on the way does not.
func TestAWSSignsWhatItsReceiverJudges(t *testing.T) {
	t.Parallel()
	const base = "https://api.example.com/a?x=1"
	plain := signature(t, "execute-api", base, "body", "Content-Type", "text/plain")
	for name, row := range map[string]struct {
		got  string
		same bool
	}{
		"again":             {signature(t, "execute-api", base, "body", "Content-Type", "text/plain"), true},
		"a field of a mesh": {signature(t, "execute-api", base, "body", "Content-Type", "text/plain", "Traceparent", "x", "Via", "y"), true},
		"another body":      {signature(t, "execute-api", base, "Body", "Content-Type", "text/plain"), false},
		"another type":      {signature(t, "execute-api", base, "body", "Content-Type", "text/html"), false},
		"a digest":          {signature(t, "execute-api", base, "body", "Content-Type", "text/plain", "Content-Md5", "x"), false},
		"a field of AWS":    {signature(t, "execute-api", base, "body", "Content-Type", "text/plain", "X-Amz-Target", "x"), false},
		"another path":      {signature(t, "execute-api", "https://api.example.com/b?x=1", "body", "Content-Type", "text/plain"), false},
		"another query":     {signature(t, "execute-api", "https://api.example.com/a?x=2", "body", "Content-Type", "text/plain"), false},
		"another host":      {signature(t, "execute-api", "https://app.example.com/a?x=1", "body", "Content-Type", "text/plain"), false},
		"another service":   {signature(t, "lambda", base, "body", "Content-Type", "text/plain"), false},
		"a field of two lines": {
			signature(t, "execute-api", base, "body", "Content-Type", "text/plain", "X-Amz-Meta-A", "1", "X-Amz-Meta-A", "2"), false,
		},
	} {
		if (row.got == plain) != row.same {
			t.Errorf("%s: same as before %v, want %v", name, !row.same, row.same)
		}
	}
}

// Every service but S3 reads a path without empty and dot segments before it judges.
func TestAWSPathsAreReadAsTheirServiceDoes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		one, other string
		same, s3   bool
	}{
		{"/a/b", "/a//b", true, false},
		{"/a/b", "/a/./b", true, false},
		{"/a/b", "/a/c/../b", true, false},
		{"/a/b", "/../../a/b", true, false},
		{"/a/b", "//a/b", true, false},
		{"/a/b", "/a/b/", false, false},
		{"/a/b/", "/a/b//", true, false},
		{"/", "/..", true, false},
		{"/", "/./", true, false},
		{"/a%2Fb", "/a/b", false, false},
		{"/a%20b", "/a%20b", true, true},
	} {
		for service, want := range map[string]bool{"execute-api": row.same, "s3": row.s3} {
			one, other := signature(t, service, "https://api.example.com"+row.one, ""), signature(t, service, "https://api.example.com"+row.other, "")
			if (one == other) != want {
				t.Errorf("%s: %s and %s have one signature %v, want %v", service, row.one, row.other, one == other, want)
			}
		}
	}
}

// A semicolon is part of a value, and no reason to leave it out of what is signed.
func TestAWSSignsSemicolonsOfAQuery(t *testing.T) {
	t.Parallel()
	one, two := signature(t, "es", "https://api.example.com/?a=1;b", ""), signature(t, "es", "https://api.example.com/?a=2;b", "")
	if encoded := signature(t, "es", "https://api.example.com/?a=1%3Bb", ""); one == two || one != encoded {
		t.Errorf("signatures are %s, %s and, encoded, %s", one, two, encoded)
	}
}

// The token of a session is a field, and signed. The request itself is left as it is.
func TestAWSSessionsAndRequestsLeftAlone(t *testing.T) {
	t.Parallel()
	session := key()
	session.Session = "token"
	r := outgoing("POST", "https://api.example.com/a", "X-Amz-Target", "x", "X-Amz-Security-Token", "theirs")
	before := r.Header.Clone()
	got, host := signed(t, "es", r, "", session)
	if got[routeconfig.FieldAmzSecurityToken] != "token" || !strings.Contains(got["Authorization"], ";x-amz-security-token;x-amz-target,") || host != "" {
		t.Errorf("fields are %v, Host %q", got, host)
	}
	if len(r.Header) != len(before) || r.Header.Get("X-Amz-Security-Token") != "theirs" || r.URL.Opaque != "/a" {
		t.Errorf("the request became %v %v", r.URL, r.Header)
	}
}

// The SDK signs a Host without its default port, so that is what is sent.
func TestAWSHostsWithoutTheirDefaultPort(t *testing.T) {
	t.Parallel()
	r := outgoing("GET", "https://api.example.com:443/")
	if _, host := signed(t, "es", r, "", key()); host != "api.example.com" {
		t.Errorf("the Host is %q", host)
	}
	r.Host = "other.example.com:8443"
	if _, host := signed(t, "es", r, "", key()); host != "other.example.com:8443" {
		t.Errorf("another Host is %q", host)
	}
}
