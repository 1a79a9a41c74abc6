// Demo runs the sample on this machine: two receiving APIs, fanoutctl between
// them and a few hundred calls, and shows what came of it. With -serve it is the
// APIs alone, for a Pod; with -url it calls a route that runs somewhere already.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	calls    = 300
	atOnce   = 8
	message  = `{"message":"Hello APIs!"}`
	callerID = "demo-caller-key"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fanoutctl := flag.String("fanoutctl", "bin/fanoutctl", "the program")
	samples := flag.String("samples", "config/samples", "folder with the route and its Secrets")
	keep := flag.Bool("keep", false, "stay up until Ctrl-C")
	admin := flag.String("admin", "", "host:port of the proxy's metrics and statistics; a free one by default")
	serve := flag.Bool("serve", false, "run the APIs alone, on ports 8081 to 8083")
	url := flag.String("url", "", "call this route and run nothing")
	flag.Parse()
	var err error
	switch {
	case *serve:
		err = serveAPIs(ctx)
	case *url != "":
		err = callRoute(ctx, *url)
	default:
		err = run(ctx, *fanoutctl, *samples, *admin, *keep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, fanoutctl, samples, admin string, keep bool) error {
	apis, err := startAPIs(freePorts())
	if err != nil {
		return err
	}
	defer apis.close()
	say("two APIs listen: api-one on %s (OAuth 2.0, 20 ms slow), api-two on %s (API key, one call in ten fails)",
		apis.one.Addr(), apis.two.Addr())
	p, err := startProxy(ctx, fanoutctl, samples, admin, apis)
	if err != nil {
		return err
	}
	defer p.stop()
	say("fanoutctl serves the sample: %s", p.url)
	if err := callRoute(ctx, p.url); err != nil {
		return err
	}
	say("what fanoutctl stat says:")
	stat := exec.CommandContext(ctx, fanoutctl, "stat", "shop/orders", "--admin", "http://"+p.admin)
	stat.Stdout, stat.Stderr = os.Stdout, os.Stderr
	if err := stat.Run(); err != nil {
		return fmt.Errorf("run fanoutctl stat: %w", err)
	}
	say("api-one was asked %d times and had to issue %d token", apis.asked.Load(), apis.tokens.Load())
	if keep {
		say("still running; try this, and end with Ctrl-C:\n  curl -i %s/orders -H 'X-API-Key: %s' -H 'Content-Type: application/json' -d '%s'", p.url, callerID, message)
		<-ctx.Done()
	}
	return nil
}

func serveAPIs(ctx context.Context) error {
	apis, err := startAPIs(podPorts())
	if err != nil {
		return err
	}
	defer apis.close()
	<-ctx.Done()
	return nil
}

func callRoute(ctx context.Context, url string) error {
	if err := send(ctx, url+"/orders"); err != nil {
		return err
	}
	return show(ctx, url+"/orders")
}

func say(format string, args ...any) { fmt.Printf("== "+format+"\n", args...) }

// proxy is fanoutctl run.
type proxy struct {
	cmd        *exec.Cmd
	url, admin string
}

func startProxy(ctx context.Context, fanoutctl, samples, admin string, apis *apis) (_ *proxy, err error) {
	if admin == "" {
		if admin, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	p := &proxy{admin: admin}
	p.cmd = exec.Command(fanoutctl, "run", "-f", samples, "--admin", admin, "--access-log-sample", "100000",
		"--resolve", "shop/api-one:8080="+apis.one.Addr().String(),
		"--resolve", "shop/api-two:8080="+apis.two.Addr().String(),
		"--resolve", "shop/idp:8080="+apis.idp.Addr().String())
	p.cmd.Stderr = io.Discard
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start fanoutctl: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start fanoutctl: %w", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "route" {
			p.url = fields[2]
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p, nil
		}
	}
	return nil, errors.Join(errors.New("fanoutctl ended before its route was ready"), p.cmd.Wait(), ctx.Err())
}

func (p *proxy) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// send sends the calls and shows how far it is.
func send(ctx context.Context, url string) error {
	say("sending %s %d times, %d at once", message, calls, atOnce)
	var (
		wait     sync.WaitGroup
		mu       sync.Mutex
		outcomes = map[string]int{}
		done     int
		failed   error
	)
	work := make(chan struct{}, calls)
	for range calls {
		work <- struct{}{}
	}
	close(work)
	start := time.Now()
	for range atOnce {
		wait.Go(func() {
			for range work {
				outcome, err := call(ctx, url, io.Discard)
				mu.Lock()
				outcomes[outcome]++
				failed = errors.Join(failed, err)
				if done++; done%(calls/5) == 0 {
					fmt.Printf("   %d of %d\n", done, calls)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	say("in %.1f s: %d complete, %d partial, %d failed", time.Since(start).Seconds(),
		outcomes["complete"], outcomes["partial"], outcomes["failed"])
	return failed
}

// call makes one call and returns its Fanout-Outcome. A whole response is written
// to out.
func call(ctx context.Context, url string, out io.Writer) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(message))
	if err != nil {
		return "", fmt.Errorf("make call: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Api-Key", callerID)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("call: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = fmt.Fprintf(out, "%s %s\n", response.Proto, response.Status)
	_ = response.Header.Write(out)
	_, _ = fmt.Fprintln(out)
	if _, err := io.Copy(out, response.Body); err != nil {
		return "", fmt.Errorf("read response: %w", err)
	}
	outcome := response.Header.Get("Fanout-Outcome")
	if outcome == "" {
		return "", fmt.Errorf("call was refused: %s", response.Status)
	}
	return outcome, nil
}

func show(ctx context.Context, url string) error {
	say("one combined response:")
	if _, err := call(ctx, url, os.Stdout); err != nil {
		return err
	}
	fmt.Println()
	return nil
}
