package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// limit is that of the operator's container, as it is installed.
const limit = "GOMEMLIMIT=256MiB"

// process is the operator's own program.
type process struct {
	cmd              *exec.Cmd
	metrics, profile string
	ended            chan struct{}
	failed           error // once it has ended
}

// build builds the operator with a port for profiles, which the product has not.
func build(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "profile", "-o", to, "./cmd/operator")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build operator: %w\n%s", err, out)
	}
	return nil
}

// startOperator starts it as it is installed.
func startOperator(ctx context.Context, o options, kubeconfig string, log io.Writer) (*process, error) {
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}
	profile, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &process{metrics: metrics, profile: profile, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, filepath.Clean(o.program), fmt.Sprintf("--leader-elect=%v", !o.alone), "--leader-election-namespace="+system, "--proxy-image=fanout:scale",
		"--metrics-address="+metrics, "--health-address=0")
	p.cmd.Env = append(os.Environ(), limit, "KUBECONFIG="+kubeconfig, "POD_NAMESPACE="+system, "FANOUT_PROFILE="+profile)
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start operator: %w", err)
	}
	go func() {
		p.failed = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// fault is an error where the process has ended by itself.
func (p *process) fault() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the operator has ended, see its log: %w", errors.Join(errors.New("exit"), p.failed))
	default:
		return nil
	}
}

// stop ends it as a kubelet does, and waits.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // or it has ended
	<-p.ended
	if p.failed != nil {
		return fmt.Errorf("operator: %w", p.failed)
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// cpu is what the process has used, in seconds, user and system.
func (p *process) cpu() (float64, error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return 0, fmt.Errorf("read CPU of operator: %w", err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, fmt.Errorf("read CPU of operator: %w", err)
	}
	return stat.CPUTime(), nil
}

// resident is what the process has in memory now, and at most so far, in MiB.
func (p *process) resident() (now, most float64, err error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return 0, 0, fmt.Errorf("read memory of operator: %w", err)
	}
	status, err := proc.NewStatus()
	if err != nil {
		return 0, 0, fmt.Errorf("read memory of operator: %w", err)
	}
	return float64(status.VmRSS) / (1 << 20), float64(status.VmHWM) / (1 << 20), nil
}

// get reads a page of the operator's.
func get(ctx context.Context, url string, patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask operator: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("ask operator: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("ask operator: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask operator: %s", response.Status)
	}
	return body, nil
}

// figure sums the series of a metric.
func figure(page []byte, name string) (sum float64) {
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? (\S+)$`).FindAllSubmatch(page, -1) {
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		sum += n
	}
	return sum
}
