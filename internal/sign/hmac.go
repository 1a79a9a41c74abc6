package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// HMAC signs a body, or a time and a body (RFC 2104), in a field of the receiver's choice.
type HMAC struct {
	header    string
	hash      func() hash.Hash
	encode    func([]byte) string
	prefix    string
	timestamp *routeconfig.HMACTimestamp // nil for none
}

// NewHMAC compiles what the document says. The name of the field is made canonical.
func NewHMAC(header string, config *routeconfig.HMAC) *HMAC {
	h := &HMAC{
		header: http.CanonicalHeaderKey(header), prefix: config.Prefix, timestamp: config.Timestamp,
		hash: sha256.New, encode: hex.EncodeToString,
	}
	if config.Algorithm == routeconfig.AlgorithmSHA512 {
		h.hash = sha512.New
	}
	if config.Encoding == routeconfig.EncodingBase64 {
		h.encode = base64.StdEncoding.EncodeToString
	}
	return h
}

// Sign makes the fields. Where there are several keys, their signatures are a list.
func (h *HMAC) Sign(at time.Time, body []byte, keys [][]byte) []headers.Field {
	var lead, timestamp string
	var items []string
	t := h.timestamp
	if t != nil {
		timestamp = strconv.FormatInt(at.Unix(), 10)
		lead = t.SignedPrefix + timestamp + t.Separator
	}
	if t != nil && t.Header == "" {
		items = append(items, t.Prefix+timestamp)
	}
	for _, key := range keys {
		mac := hmac.New(h.hash, key)
		mac.Write([]byte(lead))
		mac.Write(body)
		items = append(items, h.prefix+h.encode(mac.Sum(nil)))
	}
	fields := []headers.Field{{Name: h.header, Value: strings.Join(items, ",")}}
	if t != nil && t.Header != "" {
		fields = append(fields, headers.Field{Name: http.CanonicalHeaderKey(t.Header), Value: t.Prefix + timestamp})
	}
	return fields
}
