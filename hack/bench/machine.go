package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

func shell(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func versions() string {
	return fmt.Sprintf("nginx %s, Node %s, Lura %s, fasthttp %s, vegeta %s", strings.TrimPrefix(shell("nginx", "-v"), "nginx version: nginx/"),
		shell("node", "--version"), luraVersion(), module("github.com/valyala/fasthttp"), module("github.com/tsenart/vegeta/v12"))
}

func module(path string) string { return shell("go", "list", "-m", "-f", "{{.Version}}", path) }

func luraVersion() string {
	if os.Getenv("LURA") == "" {
		return "none"
	}
	return shell("git", "-C", os.Getenv("LURA"), "rev-parse", "--short", "HEAD")
}

func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
