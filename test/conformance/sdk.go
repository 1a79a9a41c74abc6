package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// sdks are those of npm that repeat a 5xx by themselves, a POST too.
func sdks() []struct{ name, module string } {
	return []struct{ name, module string }{{"openai", "openai"}, {"anthropic", "@anthropic-ai/sdk"}}
}

// sdk lets real SDKs call a route of policy All of which one backend writes and the other
// fails, and counts the writes; beside a call that has failed as a whole, which they repeat.
func sdk(suites string) (section string, wrong []string, err error) {
	folder := filepath.Join(suites, "sdk")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		return "", nil, fmt.Errorf("find the SDKs: %w", err)
	}
	var b strings.Builder
	b.WriteString("## SDKs that repeat by themselves\n\nOne POST to a route of policy `All`, by an SDK with its defaults, which repeats a 502 twice.\n\n" +
		"| | the other backend answers 500: writes, requests to it | both answer 500: requests to each |\n|---|---|---|\n")
	for _, s := range sdks() {
		version, err := versionOf(folder, s.module)
		if err != nil {
			return "", nil, err
		}
		writes, others, err := repeats(folder, s.name, http.StatusOK)
		if err != nil {
			return "", nil, err
		}
		failures, more, err := repeats(folder, s.name, http.StatusInternalServerError)
		if err != nil {
			return "", nil, err
		}
		fmt.Fprintf(&b, "| npm `%s` %s | %d, %d | %d, %d |\n", s.module, version, writes, others, failures, more)
		if writes != 1 {
			wrong = append(wrong, fmt.Sprintf("npm %s made %d writes of one call: it does not obey X-Should-Retry", s.module, writes))
		}
		if failures < 2 {
			wrong = append(wrong, fmt.Sprintf("npm %s did not repeat a call that failed as a whole: this shows nothing", s.module))
		}
	}
	return b.String(), wrong, nil
}

func versionOf(folder, module string) (string, error) {
	content, err := os.ReadFile(filepath.Clean(filepath.Join(folder, "node_modules", module, "package.json")))
	if err != nil {
		return "", fmt.Errorf("read version: %w", err)
	}
	var manifest struct{ Version string }
	if err := json.Unmarshal(content, &manifest); err != nil {
		return "", fmt.Errorf("read version: %w", err)
	}
	return manifest.Version, nil
}

// repeats makes one call by an SDK and counts what reaches the backends: one that answers
// with a status, and one that fails.
func repeats(folder, name string, status int) (first, second int64, err error) {
	answers := func(status int) *recorder {
		return &recorder{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }}
	}
	one, two := answers(status), answers(http.StatusInternalServerError)
	address, stop, err := startProxy(func(r *routeconfig.Route) { r.Dispatch.Policy, r.Dispatch.Stragglers = "All", "Wait" }, one, two)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "sdk.mjs", "http://"+address, folder, name).CombinedOutput() //nolint:gosec // names of ours
	if err != nil {
		return 0, 0, fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "502" {
		return 0, 0, errors.New(name + " got " + got + ", not the 502 of the route")
	}
	return one.count.Load(), two.count.Load(), nil
}
