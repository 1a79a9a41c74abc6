package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The ports of this run, on loopback.
const (
	backendPort = 19001 // and the next one
	firstPort   = 19010
)

// contender is one way to fan out.
type contender struct {
	name string
	port int
	pid  int
}

func (c *contender) key(connections int) string { return fmt.Sprintf("%s/%d", c.name, connections) }

// stage is everything that runs.
type stage struct {
	dir        string
	contenders []*contender
	processes  []*exec.Cmd
	log        *os.File // takes what processes write to stderr; ours does where it is nil
}

func (s *stage) stop() {
	for _, p := range s.processes {
		_ = p.Process.Kill()
	}
	for _, p := range s.processes {
		_ = p.Wait()
	}
}

func (s *stage) spawn(name string, args ...string) (int, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = cmp.Or(s.log, os.Stderr)
	if strings.HasSuffix(name, "fanoutctl") {
		cmd.Stderr = nil // the access log
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", name, err)
	}
	s.processes = append(s.processes, cmd)
	return cmd.Process.Pid, nil
}

// start builds and starts the backends and all contenders.
func (s *stage) start(ctx context.Context) error {
	fmt.Println("== building")
	proxy, plain := filepath.Join(s.dir, "fanoutctl"), filepath.Join(s.dir, "nethttp")
	if err := build(ctx, filepath.Join("..", ".."), proxy, "./cmd/fanoutctl"); err != nil {
		return err
	}
	if err := build(ctx, ".", plain, "./nethttp"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := s.spawn(self, "-backends"); err != nil {
		return err
	}
	one, two := backend(0, "small"), backend(1, "small")
	if err := s.add("nginx mirror", "nginx", "-p", s.dir, "-c", s.nginx()); err != nil {
		return err
	}
	if err := s.add("net/http", plain, s.next(), one, two); err != nil {
		return err
	}
	if err := s.add("Node Promise.all", "node", filepath.Join("node", "promise-all.js"), fmt.Sprint(s.port()), one, two); err != nil {
		return err
	}
	for _, size := range []string{"small", "1k", "64k"} {
		for _, kind := range []string{"Envelope", "Merge"} {
			if size == "small" && kind == "Merge" {
				continue
			}
			manifest := filepath.Join(s.dir, kind+size+".yaml")
			if err := os.WriteFile(manifest, []byte(route(s.port(), kind, size)), 0o600); err != nil {
				return err
			}
			if err := s.add(strings.TrimSuffix("Fanout "+kind+" "+size, " small"), proxy, "run", "-f", manifest, "--admin", "", "--access-log-sample", "1000000"); err != nil {
				return err
			}
		}
	}
	return nil
}

func build(ctx context.Context, dir, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, pkg)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return nil
}

func (s *stage) port() int    { return firstPort + len(s.contenders) }
func (s *stage) next() string { return fmt.Sprintf("127.0.0.1:%d", s.port()) }

// add starts a contender on the next port and waits until it answers.
func (s *stage) add(name, command string, args ...string) error {
	c := &contender{name: name, port: s.port()}
	pid, err := s.spawn(command, args...)
	if err != nil {
		return err
	}
	c.pid = pid
	s.contenders = append(s.contenders, c)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/", c.port), "application/json", strings.NewReader("{}"))
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", response.Status)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not answer: %w", name, err)
		}
	}
}

func backend(i int, size string) string {
	return fmt.Sprintf("http://127.0.0.1:%d/%s", backendPort+i, size)
}

// route has the statistics that every route has, and a rate limit that never
// refuses.
func route(port int, kind, size string) string {
	return fmt.Sprintf(`
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: bench, namespace: bench}
spec:
  listener: {port: %d}
  rateLimits: [{name: all, requests: 1000000}]
  backends:
  - {name: one, url: %q}
  - {name: two, url: %q}
  response: {type: %s}
`, port, backend(0, size), backend(1, size), kind)
}

// nginx writes a configuration with one worker, which answers from the first
// backend and sends a copy to the second.
func (s *stage) nginx() string {
	file := filepath.Join(s.dir, "nginx.conf")
	content := fmt.Sprintf(`
daemon off; master_process off; worker_processes 1; error_log stderr crit; pid %[1]s/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 100000000;
  upstream one { server 127.0.0.1:%[2]d; keepalive 256; keepalive_requests 100000000; }
  upstream two { server 127.0.0.1:%[3]d; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%[4]d;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location / { mirror /copy; proxy_pass http://one/small; }
    location = /copy { internal; proxy_pass http://two/small; }
  }
}`, s.dir, backendPort, backendPort+1, s.port())
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err.Error()
	}
	return file
}

// serveBackends answers at once, with the body that the path names.
func serveBackends() error {
	failed := make(chan error)
	for i, name := range []string{"left", "right"} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", backendPort+i))
		if err != nil {
			return err
		}
		bodies := map[string][]byte{"/small": []byte(`{"ok":true}`), "/1k": body(name, 1<<10), "/64k": body(name, 64<<10)}
		go func() {
			failed <- http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(bodies[r.URL.Path])
			}))
		}()
	}
	return <-failed
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
