package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	slowConnections = 300
	slowSeconds     = 15
)

// slow lets slowhttptest hold connections in each of its modes, while a second client
// asks as it did before.
func slow(string) (section string, wrong []string, err error) {
	program, err := exec.LookPath("slowhttptest")
	if err != nil {
		return "", nil, fmt.Errorf("find slowhttptest (install Debian's package): %w", err)
	}
	address, stop, err := startProxy(nil, &recorder{})
	if err != nil {
		return "", nil, err
	}
	defer stop()
	url := "http://" + address + "/"
	var b strings.Builder
	fmt.Fprintf(&b, "## slowhttptest\n\n%d slow connections for %d s; a second client asks all the while. Its p99, idle and then:\n\n| mode | idle p99 | p99 | ratio | failed |\n|---|---|---|---|---|\n",
		slowConnections, slowSeconds)
	for _, mode := range []struct{ name, flag string }{{"slow headers", "-H"}, {"slow body", "-B"}, {"range", "-R"}, {"slow read", "-X"}} {
		idle, _ := ask(url, 3*time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), (slowSeconds+10)*time.Second)
		attack := exec.CommandContext(ctx, program, mode.flag, "-c", fmt.Sprint(slowConnections), "-r", "100", "-l", fmt.Sprint(slowSeconds), "-i", "5", "-u", url, "-p", "3") //nolint:gosec // found by its name
		if err := attack.Start(); err != nil {
			cancel()
			return "", nil, fmt.Errorf("start slowhttptest: %w", err)
		}
		time.Sleep(3 * time.Second) // until its connections are there
		busy, failed := ask(url, (slowSeconds-5)*time.Second)
		_ = attack.Wait()
		cancel()
		ratio := float64(busy) / float64(idle)
		fmt.Fprintf(&b, "| %s | %v | %v | %.2f | %d |\n", mode.name, idle.Round(10*time.Microsecond), busy.Round(10*time.Microsecond), ratio, failed)
		if ratio > 2 || failed > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: a second client's p99 is %.2f of its idle one, %d of its calls failed", mode.name, ratio, failed))
		}
	}
	return b.String(), wrong, nil
}

// ask sends calls one after another, and returns their 99th percentile.
func ask(url string, span time.Duration) (p99 time.Duration, failed int) {
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		start := time.Now()
		response, err := client.Get(url)
		if err != nil || response.StatusCode != http.StatusOK {
			failed++
		}
		if err == nil {
			_ = response.Body.Close()
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)*99/100], failed
}
