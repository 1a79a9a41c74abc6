package headers

import (
	"net/http"
	"testing"
)

// P2: what speaks about one content is known by its name, however it is written.
func TestP2FieldsThatSpeakAboutContent(t *testing.T) {
	t.Parallel()
	about := []string{
		"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Location", "Content-Range", "Content-MD5", "Content-Digest",
		"Repr-Digest", "Digest", "ETag", "Last-Modified", "Accept-Ranges", "Signature", "Signature-Input", "signature_input", "repr_digest",
		"X-Amz-Content-Sha256", "X-Amz-Checksum-Crc32c", "X-Goog-Hash", "X-Ms-Content-Crc64", "X-Ms-Blob-Content-Md5", "X-Checksum-Sha1",
		"X-Hub-Signature", "X-Hub-Signature-256", "Stripe-Signature", "Webhook-Signature", "X-Shopify-Hmac-Sha256", "X-Jws-Signature",
	}
	others := []string{
		"Want-Content-Digest", "Want-Repr-Digest", "Want-Digest", "Accept-Signature", "Accept", "Accept-Encoding", "If-Match", "If-None-Match", "Range",
		"Webhook-Id", "Webhook-Timestamp", "Cache-Control", "Expires", "Vary", "X-Content-Type-Options", "X-Order-Id", "Idempotency-Key", "Dpop",
		"Set-Cookie", "Date", "Server", "Link",
	}
	in := http.Header{}
	for _, name := range append(about, others...) {
		in.Set(name, "x")
	}
	delete(in, "Dpop") // a credential
	rules := Compile(Options{Via: "me"})
	received, replaced := rules.Apply(in, nil, Received), rules.Apply(in, nil, Replaced)
	for _, name := range about {
		name = http.CanonicalHeaderKey(name)
		if !AboutContent(name) {
			t.Errorf("%s is not known", name)
		}
		if replaced[name] != nil {
			t.Errorf("%s of the old content goes with another one", name)
		}
		if name != "Content-Length" && received[name] == nil {
			t.Errorf("%s does not go with its own content", name)
		}
	}
	for _, name := range others {
		if AboutContent(http.CanonicalHeaderKey(name)) {
			t.Errorf("%s speaks about no content", name)
		}
	}
	if got, want := len(replaced), len(received)-len(about)+1; got != want {
		t.Errorf("%d fields go with another content, want %d: %v", got, want, replaced)
	}
}
