package creds

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// WebhookSecret is the key of a Secret with keys of Standard Webhooks.
const WebhookSecret = "secret"

// The keys of a Secret with a key of AWS, named as in the SDKs' own files.
const (
	AWSKeyID        = "aws_access_key_id"
	AWSSecretKey    = "aws_secret_access_key" //nolint:gosec // a name
	AWSSessionToken = "aws_session_token"     //nolint:gosec // a name
)

const (
	webhookPrefix = "whsec_"
	// leastWebhookKey is the shortest key of Standard Webhooks, in bytes.
	leastWebhookKey = 24
	// maxSigningKeys is how many keys sign at once: two, while one takes the other's place.
	maxSigningKeys = 2
)

// Webhook returns the handle on the keys that sign by Standard Webhooks, one a line. What is
// no such key keeps the last good ones.
func (s *Store) Webhook(namespace, secret string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "webhook", take: shown([]string{WebhookSecret}, each(webhookKeys)), make: itself})
}

// SigningKey returns the handle on a key that signs as the text that it is.
func (s *Store) SigningKey(namespace, secret, key string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "signing/" + key, take: shown([]string{key}, each(plain)), make: itself})
}

// SigningKeys returns the handle on keys that sign as the texts that they are, one a line.
func (s *Store) SigningKeys(namespace, secret, key string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "signings/" + key, take: shown([]string{key}, each(textKeys)), make: itself})
}

// AWS returns the handle on a key of AWS, and on the token of its session where it has one:
// a Secret that has none any more is of a key without.
func (s *Store) AWS(namespace, secret string) *Derived[*Snapshot] {
	take := shown([]string{AWSKeyID, AWSSecretKey}, each(field), AWSSessionToken)
	return derive(s, namespace, secret, kind[*Snapshot]{name: "aws", take: take, make: itself})
}

// webhookKeys says which line is no key of Standard Webhooks, or nothing.
func webhookKeys(content string) string {
	return eachKey(content, func(line string) string {
		if key, err := webhookKey(line); err != nil || len(key) < leastWebhookKey {
			return fmt.Sprintf("is no %s with %d bytes or more in base64 (Standard Webhooks)", webhookPrefix, leastWebhookKey)
		}
		return ""
	})
}

// textKeys says which line is no text of one line, or nothing.
func textKeys(content string) string { return eachKey(content, plain) }

func eachKey(content string, check func(line string) string) string {
	count := 0
	for number, line := range (Value{content}).Lines() {
		if fault := check(line); fault != "" {
			return fmt.Sprintf("line %d %s", number, fault)
		}
		count++
	}
	switch {
	case count == 0:
		return "holds no key"
	case count > maxSigningKeys:
		return fmt.Sprintf("holds %d keys: leave at most %d", count, maxSigningKeys)
	}
	return ""
}

func webhookKey(line string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(line, webhookPrefix)) // told apart by its callers
}

// WebhookKeys are the keys that the lines of a value hold. Values that are no keys were kept
// out when they were read.
func (v Value) WebhookKeys() (keys [][]byte) {
	for _, line := range v.Lines() {
		if key, err := webhookKey(line); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// TextKeys are the lines of a value, each a key.
func (v Value) TextKeys() (keys [][]byte) {
	for _, line := range v.Lines() {
		keys = append(keys, []byte(line))
	}
	return keys
}
