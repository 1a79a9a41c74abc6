// Conformance lets others judge the proxy: h2spec, the requests of http-desync-guardian
// and Http11Probe, JSONTestSuite, JSON-Schema-Test-Suite, slowhttptest and toxiproxy, servers of HTTP/2 as its backends, and SDKs as its clients,
// libraries of receivers of what it signs, a Redis that counts for its limits, and a token endpoint, forgers of tokens and an issuer whose keys rotate, each
// beside bare net/http where that means something. It writes docs/conformance.md, and fails where the proxy does what it must
// not. `make conformance` fetches what it needs.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// judge is one of them: what it found, as a section of the page, and what is wrong.
type judge struct {
	name string
	run  func(suites string) (section string, wrong []string, err error)
}

func main() {
	cache, _ := os.UserCacheDir()
	suites := flag.String("suites", filepath.Join(cache, "fanout", "suites"), "`folder` with JSONTestSuite and http-desync-guardian")
	out := flag.String("out", filepath.Join("..", "..", "docs", "conformance.md"), "`file` to write")
	only := flag.String("only", "", "run the judge of this `name` alone, and write nothing")
	flag.Parse()
	wrong, err := run(*suites, *out, *only)
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, "conformance:", w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || len(wrong) > 0 {
		os.Exit(1)
	}
}

// judges are all of them, in the order of the page.
func judges() []judge {
	return []judge{
		{"h2spec", h2},
		{"desync", desync},
		{"probe", probe},
		{"json", jsonSuite},
		{"schema", schemas},
		{"slow", slow},
		{"faults", faults},
		{"peers", peers},
		{"sdk", sdk},
		{"signing", signing},
		{"shared", shared},
		{"tokens", tokens},
		{"jwt", callerTokens},
		{"rotation", rotation},
	}
}

func run(suites, out, only string) (wrong []string, err error) {
	var page strings.Builder
	page.WriteString("# Foreign judges\n\nWritten by `make conformance`. The bare server is net/http's, with the proxy's own limits.\n")
	for _, j := range judges() {
		if only != "" && only != j.name {
			continue
		}
		fmt.Println("== " + j.name)
		section, bad, err := j.run(suites)
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", j.name, err)
		}
		wrong = append(wrong, bad...)
		page.WriteString("\n" + section)
	}
	if only != "" {
		fmt.Print(page.String())
		return wrong, nil
	}
	if err := os.WriteFile(out, []byte(page.String()), 0o600); err != nil {
		return wrong, fmt.Errorf("write page: %w", err)
	}
	return wrong, nil
}
