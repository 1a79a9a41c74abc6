package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// peerServer is a server of HTTP/2 that passes requests on to what is behind it.
type peerServer struct {
	name  string
	start func(behind string, secure bool, pair *peerPair) (address string, stop func(), err error)
}

func peerServers() []peerServer {
	return []peerServer{
		{"nginx, by default (1,000 requests a connection, 128 streams)", nginx("")},
		{"nginx, 50 requests a connection", nginx("keepalive_requests 50;")},
		{"nginx, 10 streams", nginx("http2_max_concurrent_streams 10;")},
		{"h2o, by default (100 streams)", h2o("")},
		{"h2o, 10 streams", h2o("http2-max-concurrent-requests-per-connection: 10")},
		{"Go, 10 streams", goServer(10, 0)},
		{"Go, a connection ended with each 100th request", goServer(250, 100)},
	}
}

// nginx is Debian's, with another directive.
func nginx(directive string) func(string, bool, *peerPair) (string, func(), error) {
	return func(behind string, secure bool, pair *peerPair) (string, func(), error) {
		address, err := freeAddress()
		if err != nil {
			return "", nil, err
		}
		mode := "http2"
		if secure {
			mode = "ssl http2"
		}
		stop, err := runServer(address, func(dir string) string {
			return fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr crit; events { worker_connections 4096; }
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
ssl_certificate %[1]s/crt; ssl_certificate_key %[1]s/key;
upstream behind { server %[2]s; keepalive 200; keepalive_requests 1000000; }
server { listen %[3]s %[4]s; %[5]s
location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`, dir, behind, address, mode, directive)
		}, pair, "nginx", "-c")
		return address, stop, err
	}
}

// h2o is Debian's, with another directive.
func h2o(directive string) func(string, bool, *peerPair) (string, func(), error) {
	return func(behind string, secure bool, pair *peerPair) (string, func(), error) {
		address, err := freeAddress()
		if err != nil {
			return "", nil, err
		}
		host, number, _ := net.SplitHostPort(address)
		stop, err := runServer(address, func(dir string) string {
			ssl := ""
			if secure {
				ssl = fmt.Sprintf("\n  ssl: {certificate-file: %[1]s/crt, key-file: %[1]s/key}", dir)
			}
			return fmt.Sprintf("user: root\nnum-threads: 1\n%s\nlisten:\n  host: %s\n  port: %s%s\nhosts:\n  default:\n    paths:\n      /:\n        proxy.reverse.url: http://%s/\n",
				directive, host, number, ssl, behind)
		}, pair, "h2o", "-c")
		return address, stop, err
	}
}

// goServer is net/http's, which ends the connection of each so manieth request.
func goServer(streams int, every int64) func(string, bool, *peerPair) (string, func(), error) {
	return func(behind string, secure bool, pair *peerPair) (string, func(), error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, fmt.Errorf("listen: %w", err)
		}
		var count atomic.Int64
		pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: behind})
		pass.Transport = &http.Transport{MaxIdleConnsPerHost: 2 * peerClients}
		pass.ModifyResponse = func(r *http.Response) error {
			if n := count.Add(1); every > 0 && n%every == 0 {
				r.Header.Set("Connection", "close")
			}
			return nil
		}
		s := &http.Server{Handler: pass, ReadHeaderTimeout: peerTimeout, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
			Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
		s.Protocols.SetHTTP2(secure)
		s.Protocols.SetUnencryptedHTTP2(!secure)
		if secure {
			s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair.pair}}
			go func() { _ = s.ServeTLS(l, "", "") }()
		} else {
			go func() { _ = s.Serve(l) }()
		}
		return l.Addr().String(), func() { _ = s.Close() }, nil
	}
}

// runServer runs a command whose last argument is a file, in a folder of its own, until stop.
func runServer(address string, config func(dir string) string, pair *peerPair, command ...string) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	file := filepath.Join(dir, "conf")
	for name, content := range map[string]string{file: config(dir), filepath.Join(dir, "crt"): pair.crt, filepath.Join(dir, "key"): pair.key} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
	}
	cmd := exec.Command(command[0], append(command[1:], file)...) //nolint:gosec // nginx or h2o
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt) // nginx ends its workers
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return stop, nil
		}
	}
	stop()
	return nil, errors.New("it does not listen")
}

// peerPair is a certificate for loopback, which is its own authority.
type peerPair struct {
	crt, key string
	pair     tls.Certificate
}

func newPeerPair() (*peerPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	crt, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	p := &peerPair{
		crt: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: crt})),
		key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}
	if p.pair, err = tls.X509KeyPair([]byte(p.crt), []byte(p.key)); err != nil {
		return nil, fmt.Errorf("load pair: %w", err)
	}
	return p, nil
}

// bareClient speaks HTTP/2 as net/http does, with a pair's authority or without TLS.
func bareClient(secure bool, pair *peerPair) *http.Client {
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP2(secure)
	t.Protocols.SetUnencryptedHTTP2(!secure)
	if secure {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(pair.crt))
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{Timeout: peerTimeout, Transport: t}
}
