package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// The ports of backends, on loopback.
const (
	backendPort  = 19001 // and the next ones, in the clear
	mostBackends = 16
	tlsPort      = 19021 // HTTP/1.1 over TLS
	h2Port       = 19022 // HTTP/2 over TLS
	hangPort     = 19023 // takes a request and never answers
	resetPort    = 19024 // takes a request and resets the connection
	failPort     = 19025 // answers 500
)

// slowness is how long a backend takes for the path /slow.
const slowness = 2 * time.Second

func backend(i int, size string) string { return address("http", backendPort+i, size) }

func address(scheme string, port int, size string) string {
	return fmt.Sprintf("%s://127.0.0.1:%d/%s", scheme, port, size)
}

// backends of one size, as many.
func backends(n int, size string) (list []string) {
	for i := range n {
		list = append(list, backend(i, size))
	}
	return list
}

// serveBackends answers at once, with the body that the path names. fasthttp is what costs a machine the
// least that the contenders share with them.
func serveBackends(pair string) error {
	failed := make(chan error)
	for i := range mostBackends {
		l, err := listen(backendPort + i)
		if err != nil {
			return err
		}
		go func() { failed <- (&fasthttp.Server{Handler: answering(i)}).Serve(l) }()
	}
	for port, serve := range map[int]func(net.Listener) error{
		failPort: (&fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) { c.SetStatusCode(fasthttp.StatusInternalServerError) }}).Serve,
		hangPort: func(l net.Listener) error {
			return each(l, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		},
		resetPort: func(l net.Listener) error { return each(l, reset) },
	} {
		l, err := listen(port)
		if err != nil {
			return err
		}
		go func() { failed <- serve(l) }()
	}
	if pair != "" {
		if err := serveTLS(pair, failed); err != nil {
			return err
		}
	}
	return <-failed
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// each has every connection of a listener handled.
func each(l net.Listener, handle func(net.Conn)) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}

func reset(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096))
	_ = c.(*net.TCPConn).SetLinger(0)
}

func answering(i int) fasthttp.RequestHandler {
	bodies := bodiesOf(i)
	return func(c *fasthttp.RequestCtx) {
		if string(c.Path()) == "/slow" {
			time.Sleep(slowness)
		}
		c.SetContentType("application/json")
		c.SetBody(bodies[string(c.Path())])
	}
}

func bodiesOf(i int) map[string][]byte {
	name := fmt.Sprintf("of%02d", i)
	return map[string][]byte{"/small": []byte(`{"ok":true}`), "/slow": []byte(`{"ok":true}`), "/1k": body(name, 1<<10), "/64k": body(name, 64<<10)}
}

func serveTLS(pair string, failed chan<- error) error {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(pair, "tls.crt"), filepath.Join(pair, "tls.key"))
	if err != nil {
		return err
	}
	plain, err := listen(tlsPort)
	if err != nil {
		return err
	}
	second, err := listen(h2Port)
	if err != nil {
		return err
	}
	config := func(protocols ...string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: protocols}
	}
	go func() {
		failed <- (&fasthttp.Server{Handler: answering(0)}).Serve(tls.NewListener(plain, config("http/1.1")))
	}()
	bodies := bodiesOf(1)
	server := &http.Server{TLSConfig: config("h2"), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bodies[r.URL.Path])
	})}
	go func() { failed <- server.ServeTLS(second, "", "") }()
	return nil
}

// body has 30 keys, half of which every body has.
func body(name string, size int) []byte {
	var b strings.Builder
	b.WriteByte('{')
	for i := range 30 {
		key := fmt.Sprintf("shared%02d", i)
		if i >= 15 {
			key = fmt.Sprintf("%s%02d", name, i)
		}
		fmt.Fprintf(&b, "%q:%q,", key, strings.Repeat("x", max(size/30-len(key)-6, 1)))
	}
	return []byte(strings.TrimSuffix(b.String(), ",") + "}")
}

// credentials writes the Secrets of the routes, NAMESPACE/SECRET/KEY, and returns the folder of the
// key pair that servers show.
func credentials(dir string) (pair string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	for name, content := range map[string][]byte{
		"pair/tls.crt": public, "pair/tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
		"ca/ca.crt": public, "callers/bench": []byte(callerKey),
	} {
		file := filepath.Join(dir, "bench", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "bench", "pair"), nil
}

// callerKey is the API key of every call; who knows no callers overlooks it.
const callerKey = "5f1d3b0c9a7e4d2b8c6f"
