package creds

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
)

func pool(s *Snapshot) (*x509.CertPool, error) {
	made := x509.NewCertPool()
	if !made.AppendCertsFromPEM([]byte(s.Value(authorities).secret)) {
		return nil, errors.New("there is no certificate in ca.crt")
	}
	return made, nil
}

// begun finds where certificates begin, whatever comes of them.
var begun = regexp.MustCompile(`(?m)^-----BEGIN CERTIFICATE`)

// judgeAuthorities tells a ca.crt that has no certificate any more from one that is broken:
// of what has been begun and cannot be read no pool can be made.
func judgeAuthorities(content string) (fault string, usable bool) {
	all, good := len(begun.FindAllStringIndex(content, -1)), readable(content)
	switch {
	case all == 0:
		return "holds no certificate" + nobodyLeft, false
	case good > 0 && good < all:
		return fmt.Sprintf("has %d certificates, of which %d cannot be read", all, all-good), true
	}
	return "", true
}

// readable is how many certificates pool takes.
func readable(content string) (n int) {
	for block, rest := pem.Decode([]byte(content)); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			n++
		}
	}
	return n
}
