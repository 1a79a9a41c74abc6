// Package canary makes values that occur nowhere else, and finds them wherever they are written. It
// is for tests that show where secrets are not.
package canary

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// Value is one that occurs nowhere else, and the Secret and key that hold it.
type Value struct {
	Secret, Key string
	// Core is what is looked for: Whole is what the key holds.
	Core, Whole string
}

// New is a canary with more behind it.
func New(secret, key, more string) Value {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	core := make([]byte, 24)
	for i := range core {
		core[i] = letters[rand.IntN(len(letters))]
	}
	return Value{secret, key, string(core), string(core) + more}
}

// forms are a canary in every alphabet that something might show it in.
func (c *Value) forms() map[string]string {
	core := []byte(c.Core)
	quoted, _ := json.Marshal(c.Whole) // never fails for a text
	forms := map[string]string{
		"raw": c.Core, "hex": hex.EncodeToString(core), "HEX": strings.ToUpper(hex.EncodeToString(core)),
		"decimal": new(big.Int).SetBytes(core).String(), "list of numbers": strings.Trim(fmt.Sprintf("%d", core), "[]"),
		"whole in JSON": strings.Trim(string(quoted), `"`), "whole in a URL's query": url.QueryEscape(c.Whole), "whole in a URL's path": url.PathEscape(c.Whole),
	}
	for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for before, first := range []int{0, 2, 3} { // whatever else is encoded with it
			encoded := alphabet.EncodeToString(append(make([]byte, before), core...))
			forms[fmt.Sprintf("%s behind %d bytes", name, before)] = encoded[first : (before+len(core))*8/6]
		}
	}
	return forms
}

// beginning is how many bytes a form is looked up by: none is shorter.
const beginning = 12

// Found says which canaries occur in a text and in which forms, whatever its line ends.
func Found(canaries []Value, text string) (hits []string) {
	type form struct{ value, what string }
	known := map[string][]form{} // by how they begin
	for i := range canaries {
		c := &canaries[i]
		for name, value := range c.forms() {
			known[value[:beginning]] = append(known[value[:beginning]], form{value, fmt.Sprintf("%s of Secret %q (%s)", c.Key, c.Secret, name)})
		}
	}
	joined := strings.NewReplacer("\n", "", "\r", "", `\n`, "", `\r`, "").Replace(text)
	for _, text := range []string{text, joined} {
		for i := range max(len(text)-beginning+1, 0) {
			for _, f := range known[text[i:i+beginning]] {
				if strings.HasPrefix(text[i:], f.value) && !slices.Contains(hits, f.what) {
					hits = append(hits, f.what)
				}
			}
		}
	}
	slices.Sort(hits)
	return hits
}
