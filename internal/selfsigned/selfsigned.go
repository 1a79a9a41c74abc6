// Package selfsigned makes certificates that are their own authority, for servers
// whose clients are told whom to trust, and that are replaced long before they end.
package selfsigned

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Certificate is one certificate with its key.
type Certificate struct {
	// TLS is for the server, PEM for those who are to trust it.
	TLS tls.Certificate
	PEM []byte
	// NotAfter is when it ends.
	NotAfter time.Time
}

// New makes a certificate for a DNS name that is valid from a little before now, for
// clocks that are behind, until life has passed.
func New(name string, now time.Time, life time.Duration) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return &Certificate{
		TLS:      tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		PEM:      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		NotAfter: template.NotAfter,
	}, nil
}

// Bundle adds certificates to a bundle and drops from it those that have ended, that
// cannot be read, and that appear twice.
func Bundle(bundle []byte, now time.Time, add ...[]byte) []byte {
	for _, b := range add {
		bundle = append(append(slices.Clip(bundle), '\n'), b...)
	}
	var out []byte
	seen := map[string]bool{}
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return out
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || now.After(certificate.NotAfter) || seen[string(block.Bytes)] {
			continue
		}
		seen[string(block.Bytes)] = true
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})...)
	}
}
