package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing/fstest"
)

// recorded is a request of Http11Probe, as its source writes it down.
type recorded struct {
	id, bytes string
	// refused says that nothing but a 400 is right.
	refused bool
}

// most is how many requests a reader may see in it.
func (r *recorded) most() int { return max(strings.Count(r.bytes, " HTTP/1."), 1) }

// probed is what came of the requests over one transport.
type probed struct {
	over

	address       string
	behind        *recorder
	reached, more int
}

// startProbed runs a proxy over each transport.
func startProbed() (list []*probed, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for _, over := range transports() {
		p := &probed{over: over, behind: &recorder{}}
		address, end, err := startProxyOver(over.http1, fstest.MapFS{}, nil, p.behind)
		if err != nil {
			return nil, stop, err
		}
		stops = append(stops, end)
		p.address = address
		list = append(list, p)
	}
	return list, stop, nil
}

// judge sends a request, and says whether it reached the backend and what is wrong with that.
// bare says that a bare server took it.
func (p *probed) judge(r *recorded, bare bool) (reached bool, wrong []string) {
	n := send(p.address, p.behind, r.bytes)
	if n > r.most() {
		p.more++
		wrong = append(wrong, fmt.Sprintf("Http11Probe %s over %s: %d requests reached the backend, %d were sent", r.id, p.name, n, r.most()))
	}
	if !r.refused {
		return n > 0, wrong
	}
	p.reached += min(n, 1)
	if n > 0 && !bare {
		wrong = append(wrong, "Http11Probe "+r.id+" over "+p.name+": reached the backend, a bare server refuses it")
	}
	return n > 0, wrong
}

// probe sends the requests of Http11Probe through the proxy, and to a bare server.
func probe(suites string) (section string, wrong []string, err error) {
	list, err := recordings(filepath.Join(suites, "Http11Probe", "src", "Http11Probe", "TestCases", "Suites", "*.cs"))
	if err != nil {
		return "", nil, err
	}
	proxies, stopProxies, err := startProbed()
	defer stopProxies()
	if err != nil {
		return "", nil, err
	}
	bare := &recorder{}
	plain, stopPlain, err := serve(bare)
	if err != nil {
		return "", nil, err
	}
	defer stopPlain()
	var refusals, reachedBare int
	var rows strings.Builder
	for _, r := range list {
		theirs := send(plain, bare, r.bytes) > 0
		if r.refused {
			refusals++
			reachedBare += map[bool]int{true: 1}[theirs]
		}
		for _, p := range proxies {
			reached, bad := p.judge(&r, theirs)
			wrong = append(wrong, bad...)
			if reached && r.refused {
				fmt.Fprintf(&rows, "| %s | %s | reached the backend, over %s |\n", r.id, map[bool]string{true: "taken", false: "refused"}[theirs], p.name)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Http11Probe\n\nIts %d recorded requests, of which %d call for a 400 and nothing else.\n\n| | net/http | Fanout, over %s | over %s |\n|---|---|---|---|\n"+
		"| of those, taken | %d | %d | %d |\n| more requests at the backend than sent | – | %d | %d |\n", len(list), refusals, proxies[0].name, proxies[1].name,
		reachedBare, proxies[0].reached, proxies[1].reached, proxies[0].more, proxies[1].more)
	if rows.Len() > 0 {
		b.WriteString("\n| taken although it calls for a 400 | net/http | Fanout |\n|---|---|---|\n" + rows.String())
	}
	return b.String(), wrong, nil
}

// recordings reads the requests out of the suites' source: those that are one literal.
func recordings(pattern string) (list []recorded, err error) {
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("find suites of Http11Probe at %s: %w", pattern, err)
	}
	id := regexp.MustCompile(`Id = "([A-Z0-9-]+)"`)
	request := regexp.MustCompile(`MakeRequest\(\s*\$?"((?:[^"\\]|\\.)*)"\s*\)`)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("read suite: %w", err)
		}
		starts := id.FindAllSubmatchIndex(content, -1)
		for i, at := range starts {
			end := len(content)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			part := string(content[at[0]:end])
			literal := request.FindStringSubmatch(part)
			if literal == nil || strings.Contains(strings.ReplaceAll(literal[1], "{ctx.HostHeader}", ""), "{") {
				continue // made by code
			}
			list = append(list, recorded{
				id: string(content[at[2]:at[3]]), bytes: unescape(strings.ReplaceAll(literal[1], "{ctx.HostHeader}", "x")),
				refused: strings.Contains(part, "StatusCodeRange.Exact(400)") && !strings.Contains(part, "Range2xx"),
			})
		}
	}
	return list, nil
}

// unescape reads the escapes of a C# literal; its characters are bytes (Latin-1).
func unescape(literal string) string {
	escape := regexp.MustCompile(`\\(x[0-9A-Fa-f]{1,4}|u[0-9A-Fa-f]{4}|.)`)
	return escape.ReplaceAllStringFunc(literal, func(e string) string {
		switch e[1] {
		case 'r':
			return "\r"
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case '0':
			return "\x00"
		case 'x', 'u':
			n, err := strconv.ParseUint(e[2:], 16, 8)
			if err != nil {
				return e
			}
			return string([]byte{byte(n)})
		}
		return e[1:]
	})
}
