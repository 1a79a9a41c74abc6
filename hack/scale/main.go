// Scale runs the operator's own program beside a real API server with 100, 500 and 2,000 routes and
// says what it takes: CPU to settle and for one pass, memory, writes, and how long an edit
// takes until its document is written and until the status says that it is served. Kubelets,
// the Deployments' controller and proxies are stood in for: the Pods are objects, and each
// has an address on loopback where /status answers over HTTP with what a proxy would say. It
// writes docs/performance.md and the pictures beside it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	sizes := flag.String("routes", "100,500,2000", "how many routes there are, one trial for each `number`")
	program := flag.String("operator", "", "`program` to run; built from this tree by default")
	alone := flag.Bool("alone", false, "run the operator without a Lease, on a machine that others may stop for longer than that lasts")
	edited := flag.Bool("edits", false, "no more than what edits take: for a quiet minute")
	from := flag.String("from", "", "measure nothing: `files` of results, dist/scale.json of earlier runs, of which the later ones go before")
	beside := flag.String("before", filepath.Join("hack", "scale", "testdata", "before.json"), "`file` of the results that stand beside")
	out := flag.String("out", filepath.Join("docs", "performance.md"), "`file` to write; empty for none")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := scale(ctx, *sizes, *from, *beside, options{program: *program, out: *out, alone: *alone, edits: *edited}); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		stop()
		os.Exit(1)
	}
}

// options are those of a trial.
type options struct {
	program, out string
	alone, edits bool
}

func scale(ctx context.Context, sizes, from, beside string, o options) (err error) {
	var list []*result
	if from != "" {
		list, err = readResults(strings.Split(from, ","))
	} else {
		list, err = measure(ctx, sizes, o)
	}
	if err != nil || o.out == "" {
		return err
	}
	before, err := readResults([]string{beside})
	if err != nil {
		return err
	}
	return write(ctx, o.out, list, before)
}

// measure makes the trials, and keeps what came of them.
func measure(ctx context.Context, sizes string, o options) (list []*result, err error) {
	dir, err := os.MkdirTemp("", "fanout-scale")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.program == "" {
		o.program = filepath.Join(dir, "fanout-operator")
		if err := build(ctx, o.program); err != nil {
			return nil, err
		}
	}
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-routes: %q is no number of routes", text)
		}
		r, err := run(ctx, dir, n, o)
		if err != nil {
			return nil, fmt.Errorf("%d routes: %w", n, err)
		}
		list = append(list, r)
		if err := save(list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// save keeps the results that there are.
func save(list []*result) error {
	encoded, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	file := filepath.Join("dist", "scale.json")
	if err := errors.Join(os.MkdirAll("dist", 0o755), os.WriteFile(file, append(encoded, '\n'), 0o644)); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	say("the results are in %s", file)
	return nil
}
