package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// listenerName is the name in the listener's certificate.
const listenerName = "soak.example"

// certificate makes that of the listener, as a Secret has it.
func certificate() (secret map[string]string, pool *x509.CertPool, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{listenerName}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	pool, err = known(der)
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, pool, err
}

// writeSecrets mounts Secrets of the namespace soak as a Pod has them.
func writeSecrets(dir string, secrets map[string]map[string]string) error {
	for name, keys := range secrets {
		folder := filepath.Join(dir, "soak", name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("write secret: %w", err)
		}
		for key, value := range keys {
			if err := os.WriteFile(filepath.Join(folder, key), []byte(value), 0o600); err != nil {
				return fmt.Errorf("write secret: %w", err)
			}
		}
	}
	return nil
}
