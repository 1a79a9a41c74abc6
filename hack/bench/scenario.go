package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// scenario is one kind of call.
type scenario struct {
	name     string
	response string // the route's response type
	backends int
}

// scenarios are what the proxy is for: small bodies, of which its own work is most of
// the cost.
var scenarios = []scenario{
	{"Envelope, 2 backends", "Envelope", 2},
	{"Merge, 2 backends", "Merge", 2},
	{"First, 2 backends", "First", 2},
	{"Envelope, 8 backends", "Envelope", 8},
}

// loads are how many connections there are at once.
var loads = []int{64, 1}

type object = map[string]any

// document has a route for each scenario, on the port of the same place. It may say
// more than a commit knows: the commit's own package routeconfig leaves out the rest
// and writes the version that its proxy reads.
func document(ports []int) object {
	var routes []object
	for i, s := range scenarios {
		var backends []object
		for j := range s.backends {
			backends = append(backends, object{
				"name": "b" + strconv.Itoa(j), "url": backend(j%2, "small"), "timeout": "5s", "maxResponseSize": 1 << 20,
				"request": object{"path": "URL"},
			})
		}
		routes = append(routes, object{
			"namespace": "bench", "name": "r" + strconv.Itoa(i), "listener": object{"port": ports[i]},
			"rateLimits": []object{{"name": "all", "requests": 1_000_000, "per": "1s", "burst": 1_000_000}}, // never refuses
			"validation": object{"maxBodySize": 1 << 20, "bodyTimeout": "30s"},
			"dispatch":   object{"policy": "All", "timeout": "5s", "stragglers": "Auto", "maxInFlight": 1024},
			"backends":   backends,
			"response":   object{"type": s.response, "diagnostics": "Full", "idleTimeout": "1m"},
		})
	}
	return object{"routes": routes}
}

// translator is a program of a commit's own that turns a document into its form.
const translator = `package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func main() {
	var d routeconfig.Document
	if err := json.NewDecoder(os.Stdin).Decode(&d); err != nil {
		log.Fatal(err)
	}
	encoded, err := routeconfig.Encode(&d)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(encoded); err != nil {
		log.Fatal(err)
	}
}
`

// built are the programs of one commit.
type built struct {
	proxy, translator string
}

// buildProxy builds what is in tree, as make build does. The translator is laid over
// it: nothing is written into the tree.
func buildProxy(ctx context.Context, tree, dir string) (*built, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	source, overlay := filepath.Join(dir, "translator.go"), filepath.Join(dir, "overlay.json")
	encoded, err := json.Marshal(object{"Replace": object{filepath.Join(tree, "internal", "translator", "main.go"): source}})
	if err != nil {
		return nil, err
	}
	for file, content := range map[string]string{source: translator, overlay: string(encoded)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	b := &built{filepath.Join(dir, "fanout-proxy"), filepath.Join(dir, "translator")}
	for _, args := range [][]string{{"-ldflags=-s -w", "-o", b.proxy, "./cmd/proxy"}, {"-overlay", overlay, "-o", b.translator, "./internal/translator"}} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false"}, args...)...)
		cmd.Dir, cmd.Env, cmd.Stderr = tree, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("build %s in %s: %w", args[len(args)-1], tree, err)
		}
	}
	return b, nil
}

// write puts the document into a folder, in the form of this build.
func (b *built) write(ctx context.Context, dir string, document object) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	plain, err := json.Marshal(document)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.translator)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(plain)), os.Stderr
	encoded, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("translate document: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "document.json"), encoded, 0o600)
}

// freePorts are n that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // after the last was found, so that no two are the same
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
