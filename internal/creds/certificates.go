package creds

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Keys of the type kubernetes.io/tls.
const (
	authorities = "ca.crt"
	certificate = "tls.crt"
	privateKey  = "tls.key"
)

// Pool makes authorities of ca.crt.
func (s *Snapshot) Pool() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.Value(authorities).secret)) {
		return nil, errors.New("there is no certificate in ca.crt")
	}
	return pool, nil
}

// KeyPair makes a certificate of tls.crt and tls.key.
func (s *Snapshot) KeyPair() (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(s.Value(certificate).secret), []byte(s.Value(privateKey).secret))
	if err != nil {
		return nil, errors.New("tls.crt and tls.key are no certificate with its key") // the error may hold parts of them
	}
	return &pair, nil
}

// fits makes a check of what makes something of a Secret.
func fits[T any](parse func(*Snapshot) (T, error)) func(*Snapshot) error {
	return func(s *Snapshot) error {
		_, err := parse(s)
		return err
	}
}
