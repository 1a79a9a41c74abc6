package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fanout-operator/fanout/hack/bench/mallocs"
)

// The ways to fan out that ours is measured beside.
const (
	peerNginx        = "nginx mirror"
	peerPlain        = "net/http"
	peerReverseProxy = "httputil.ReverseProxy"
	peerFasthttp     = "fasthttp"
	peerLura         = "Lura"
	peerNode         = "Node Promise.all"
)

// peer starts one of them before some backends.
type peer func(ctx context.Context, s *stage, name string, backends []string) (*contender, error)

// peers are those that this machine has, and what the others lack.
type peers struct {
	stage   *stage
	start   map[string]peer
	missing map[string]string
}

// newPeers builds what can be built. A peer that cannot is missing by name, and ends nothing.
func newPeers(ctx context.Context, s *stage) (*peers, error) {
	p := &peers{stage: s, start: map[string]peer{}, missing: map[string]string{}}
	for name, dir := range map[string]string{peerPlain: "nethttp", peerFasthttp: "fasthttp", peerReverseProxy: "reverseproxy"} {
		program := filepath.Join(s.dir, dir)
		if err := build(ctx, ".", program, "./"+dir); err != nil {
			return nil, err
		}
		p.start[name] = ofGo(program)
	}
	if program, err := lura(ctx, s.dir); err != nil {
		p.missing[peerLura] = err.Error()
	} else {
		p.start[peerLura] = ofGo(program)
	}
	for name, of := range map[string]struct {
		command, pkg string
		start        peer
	}{peerNginx: {"nginx", "nginx-light", nginx}, peerNode: {"node", "nodejs", node}} {
		if err := install(ctx, of.command, of.pkg); err != nil {
			p.missing[name] = err.Error()
			continue
		}
		p.start[name] = of.start
	}
	return p, nil
}

// before starts a peer before some backends; it is nil where the peer is missing.
func (p *peers) before(ctx context.Context, name string, n int, size string) (*contender, error) {
	start := p.start[name]
	if start == nil {
		return nil, nil
	}
	return start(ctx, p.stage, name, backends(n, size))
}

// ofGo is a program that is told where to listen and its backends, and says how many things it made.
func ofGo(program string) peer {
	return func(ctx context.Context, s *stage, name string, backends []string) (*contender, error) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		c, err := s.add(ctx, name, port, program, append([]string{local(port)}, backends...)...)
		if err != nil {
			return nil, err
		}
		c.mallocs = "http://" + local(port) + mallocs.Path
		return c, nil
	}
}

// lura builds ours within a checkout of it, into which nothing is written.
func lura(ctx context.Context, dir string) (program string, err error) {
	checkout := os.Getenv("LURA")
	if checkout == "" {
		return "", errors.New("LURA names no folder with a checkout of github.com/luraproject/lura")
	}
	if checkout, err = filepath.Abs(checkout); err != nil {
		return "", err
	}
	source, err := filepath.Abs(filepath.Join("testdata", "lura", "main.go"))
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(object{"Replace": object{filepath.Join(checkout, "fanoutbench", "main.go"): source}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "lura.json")
	if err := os.WriteFile(overlay, encoded, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "lura")
	return program, build(ctx, checkout, program, "./fanoutbench", "-overlay", overlay)
}

func node(ctx context.Context, s *stage, name string, backends []string) (*contender, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return s.add(ctx, name, port, "node", append([]string{filepath.Join("node", "promise-all.js"), fmt.Sprint(port)}, backends...)...)
}

// nginx has one worker, which answers from the first backend and sends a copy to the second.
func nginx(ctx context.Context, s *stage, name string, backends []string) (*contender, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, "nginx")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	host := func(url string) string { return strings.Split(url, "/")[2] }
	content := fmt.Sprintf(`
daemon off; master_process off; worker_processes 1; error_log stderr crit; pid %[1]s/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 100000000;
  upstream one { server %[2]s; keepalive 256; keepalive_requests 100000000; }
  upstream two { server %[3]s; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%[4]d;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location / { mirror /copy; proxy_pass http://one/small; }
    location = /copy { internal; proxy_pass http://two/small; }
  }
}`, dir, host(backends[0]), host(backends[1]), port)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return nil, err
	}
	return s.add(ctx, name, port, "nginx", "-p", dir, "-c", file)
}

// install brings a command that is lacking, from Debian.
func install(ctx context.Context, command, pkg string) error {
	if _, err := exec.LookPath(command); err == nil {
		return nil
	}
	fmt.Println("== installing", pkg)
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-qq", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("there is no %s, and apt-get %s: %w", command, args[0], err)
		}
	}
	return nil
}
