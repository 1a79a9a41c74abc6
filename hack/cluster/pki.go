package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// authority signs what the components show each other.
type authority struct {
	c           *cluster
	key         crypto.Signer
	certificate *x509.Certificate
}

// writeKeys writes a new authority, the certificates and the kubeconfigs. Server is
// the API server as the machine reaches it.
func (c *cluster) writeKeys(server string) error {
	if err := os.MkdirAll(c.path("pki"), 0o700); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	a := &authority{c: c}
	if err := a.init(); err != nil {
		return err
	}
	if _, err := a.newKey("service-accounts"); err != nil {
		return err
	}
	apiserver := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		},
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP(nodeAddress), net.ParseIP(apiServiceAddress)},
	}
	if err := a.issue("apiserver", apiserver); err != nil {
		return err
	}
	const inside = "https://127.0.0.1:6443"
	for _, user := range []struct{ file, name, group, server string }{
		{"admin", "admin", "system:masters", server},
		{"inside", "inside", "system:masters", inside},
		{"kubelet-client", "kube-apiserver", "system:masters", inside},
		{"kube-controller-manager", "system:kube-controller-manager", "", inside},
		{"kube-scheduler", "system:kube-scheduler", "", inside},
		{"kube-proxy", "system:kube-proxy", "", inside},
		{"kubelet", "system:node:" + nodeName, "system:nodes", inside},
	} {
		subject := pkix.Name{CommonName: user.name}
		if user.group != "" {
			subject.Organization = []string{user.group}
		}
		template := &x509.Certificate{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if err := a.issue(user.file, template); err != nil {
			return err
		}
		if err := a.writeKubeconfig(user.file, user.server); err != nil {
			return err
		}
	}
	return nil
}

func (a *authority) init() (err error) {
	if a.key, err = a.newKey("ca"); err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "fanout-cluster"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a.certificate = template
	return a.sign("ca", template, a.key.Public())
}

// issue writes a key and a certificate of it.
func (a *authority) issue(name string, template *x509.Certificate) error {
	key, err := a.newKey(name)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return a.sign(name, template, key.Public())
}

func (a *authority) sign(name string, template *x509.Certificate, public crypto.PublicKey) error {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	if name == "ca" {
		if a.certificate, err = x509.ParseCertificate(der); err != nil {
			return fmt.Errorf("sign %s: %w", name, err)
		}
	}
	return a.write(name+".crt", "CERTIFICATE", der)
}

func (a *authority) newKey(name string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key of %s: %w", name, err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make key of %s: %w", name, err)
	}
	return key, a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) write(name, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(a.c.path("pki", name), block, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// writeKubeconfig writes one that holds its keys, so that it can be copied.
func (a *authority) writeKubeconfig(name, server string) error {
	path := a.c.path("pki", name+".kubeconfig")
	if name == "admin" {
		path = a.c.path("kubeconfig")
	}
	var data [3][]byte
	for i, file := range []string{"ca.crt", name + ".crt", name + ".key"} {
		var err error
		if data[i], err = os.ReadFile(a.c.path("pki", file)); err != nil {
			return fmt.Errorf("write kubeconfig: %w", err)
		}
	}
	encode := base64.StdEncoding.EncodeToString
	content := fmt.Sprintf(kubeconfig, encode(data[0]), server, encode(data[1]), encode(data[2]))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
