// Package sign signs requests as they are sent: it makes the fields that prove to a
// receiver who sent a body, and when. It keeps no key.
package sign

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// NewWebhookID returns the id of a message, which no other has.
func NewWebhookID() string { return "msg_" + rand.Text() }

// Webhook makes the fields of Standard Webhooks but for the id, which stays the same however
// often a message is sent. Each key makes a signature; receivers take any that they know.
func Webhook(id string, at time.Time, body []byte, keys [][]byte) []headers.Field {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return []headers.Field{
		{Name: routeconfig.FieldWebhookTimestamp, Value: timestamp},
		{Name: routeconfig.FieldWebhookSignature, Value: strings.Join(signatures, " ")},
	}
}
