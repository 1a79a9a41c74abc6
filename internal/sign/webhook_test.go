package sign_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/sign"
)

// The key, the message and the signature are those that the libraries of Standard Webhooks
// test themselves with.
func TestWebhookIsTheVectorOfItsLibraries(t *testing.T) {
	t.Parallel()
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	other := []byte("another key of 24 bytes.")
	body := []byte(`{"test": 2432232314}`)
	got := sign.Webhook("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body, [][]byte{key})
	want := []headers.Field{
		{Name: "Webhook-Timestamp", Value: "1614265330"},
		{Name: "Webhook-Signature", Value: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	both := sign.Webhook("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body, [][]byte{other, key})
	if signatures := strings.Split(both[1].Value, " "); len(signatures) != 2 || signatures[1] != want[1].Value || signatures[0] == signatures[1] {
		t.Errorf("two keys make %q", both[1].Value)
	}
}

func TestWebhookIDsAreDifferentAndHaveNoDot(t *testing.T) {
	t.Parallel()
	first, second := sign.NewWebhookID(), sign.NewWebhookID()
	if first == second || !strings.HasPrefix(first, "msg_") || len(first) < 24 || strings.Contains(first, ".") {
		t.Errorf("ids are %q and %q", first, second)
	}
}
