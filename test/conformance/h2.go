package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// h2 runs h2spec against HTTP/2 without TLS, by prior knowledge.
func h2(string) (section string, wrong []string, err error) {
	bare, stopBare, err := serve(&recorder{})
	if err != nil {
		return "", nil, err
	}
	defer stopBare()
	proxy, stopProxy, err := startProxy(nil, &recorder{})
	if err != nil {
		return "", nil, err
	}
	defer stopProxy()
	theirs, passedBare, err := h2spec(bare)
	if err != nil {
		return "", nil, err
	}
	ours, passed, err := h2spec(proxy)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## h2spec 2.2.1\n\n| | passed | failed |\n|---|---|---|\n| net/http | %d | %d |\n| Fanout | %d | %d |\n", passedBare, len(theirs), passed, len(ours))
	all := slices.Concat(theirs, ours)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > 0 {
		b.WriteString("\n| failed | net/http | Fanout |\n|---|---|---|\n")
	}
	for _, name := range all {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, mark(slices.Contains(theirs, name)), mark(slices.Contains(ours, name)))
		if slices.Contains(ours, name) && !slices.Contains(theirs, name) {
			wrong = append(wrong, "h2spec fails here and not with the bare server: "+name)
		}
	}
	return b.String(), wrong, nil
}

func mark(failed bool) string {
	if failed {
		return "failed"
	}
	return "passed"
}

func h2spec(address string) (failed []string, passed int, err error) {
	host, port, _ := net.SplitHostPort(address)
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, 0, fmt.Errorf("read port: %w", err)
	}
	c := &config.Config{Host: host, Port: number, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000, Strict: true}
	quiet, err := os.Open(os.DevNull)
	if err != nil {
		return nil, 0, fmt.Errorf("open: %w", err)
	}
	defer func() { _ = quiet.Close() }()
	stdout := os.Stdout
	os.Stdout, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0) // it prints every test
	defer func() { os.Stdout = stdout }()
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		group.Test(c)
		passed += collect(group, &failed)
	}
	return failed, passed, nil
}

func collect(g *spec.TestGroup, failed *[]string) (passed int) {
	for _, t := range slices.Concat(g.Tests, g.StrictTests) {
		switch {
		case t.Result == nil || t.Result.Skipped:
		case t.Result.Failed:
			*failed = append(*failed, g.ID()+": "+t.Desc)
		default:
			passed++
		}
	}
	for _, child := range g.Groups {
		passed += collect(child, failed)
	}
	return passed
}
