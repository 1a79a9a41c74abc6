package sign_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/sign"
)

// slackBody is that of the example in Slack's documentation.
const slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
	"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
	"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
	"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"

const order = `{"id":820982911946154508}`

// The styles that receivers document can be said. The vectors of GitHub, Slack and RFC 4231
// are theirs; those of Stripe and Shopify are made by their documented rule, by Python.
func TestHMACSaysTheStylesOfReceivers(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		header string
		hmac   routeconfig.HMAC
		keys   []string
		at     int64
		body   string
		want   []headers.Field
	}{
		"GitHub": {
			header: "x-hub-signature-256", hmac: routeconfig.HMAC{Prefix: "sha256="}, keys: []string{"It's a Secret to Everybody"}, body: "Hello, World!",
			want: []headers.Field{{Name: "X-Hub-Signature-256", Value: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}},
		},
		"Shopify": {
			header: "X-Shopify-Hmac-SHA256", hmac: routeconfig.HMAC{Encoding: routeconfig.EncodingBase64}, keys: []string{"hush"}, body: order,
			want: []headers.Field{{Name: "X-Shopify-Hmac-Sha256", Value: "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="}},
		},
		"Stripe": {
			header: "Stripe-Signature", hmac: routeconfig.HMAC{Prefix: "v1=", Timestamp: &routeconfig.HMACTimestamp{Prefix: "t=", Separator: "."}},
			keys: []string{"whsec_test"}, at: 1492774577, body: order,
			want: []headers.Field{{Name: "Stripe-Signature", Value: "t=1492774577,v1=fe3ae955d5d757f741a1d0c4f2eda65bcae89e64f052bf999b81e82f42b04698"}},
		},
		"Stripe, while its key is rotated": {
			header: "Stripe-Signature", hmac: routeconfig.HMAC{Prefix: "v1=", Timestamp: &routeconfig.HMACTimestamp{Prefix: "t=", Separator: "."}},
			keys: []string{"whsec_test", "whsec_new"}, at: 1492774577, body: order,
			want: []headers.Field{{Name: "Stripe-Signature", Value: "t=1492774577,v1=fe3ae955d5d757f741a1d0c4f2eda65bcae89e64f052bf999b81e82f42b04698" +
				",v1=1585e976e785d8d50981b40b7514881cbd966be8c1593a3b38d6a301659b5af8"}},
		},
		"Slack": {
			header: "X-Slack-Signature",
			hmac:   routeconfig.HMAC{Prefix: "v0=", Timestamp: &routeconfig.HMACTimestamp{Header: "x-slack-request-timestamp", SignedPrefix: "v0:", Separator: ":"}},
			keys:   []string{"8f742231b10e8888abcd99yyyzzz85a5"}, at: 1531420618, body: slackBody,
			want: []headers.Field{
				{Name: "X-Slack-Signature", Value: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
				{Name: "X-Slack-Request-Timestamp", Value: "1531420618"},
			},
		},
		"SHA-512 of RFC 4231, test case 2": {
			header: "X-Signature", hmac: routeconfig.HMAC{Algorithm: routeconfig.AlgorithmSHA512}, keys: []string{"Jefe"}, body: "what do ya want for nothing?",
			want: []headers.Field{{Name: "X-Signature", Value: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
				"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}},
		},
	} {
		var keys [][]byte
		for _, key := range row.keys {
			keys = append(keys, []byte(key))
		}
		got := sign.NewHMAC(row.header, &row.hmac).Sign(time.Unix(row.at, 0), []byte(row.body), keys)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}
