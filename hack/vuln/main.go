// Vuln looks for known vulnerabilities in what the product calls: govulncheck, pinned in
// hack/tools, over the sources of the modules that make what is shipped. VULNDB names a copy
// of the database, a folder or an address; without it the public one is asked. Where there
// is none it says so and fails, or with -may-skip says so and does not: it never passes in
// silence.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

// public is where Go's own database is.
const public = "https://vuln.go.dev"

// errNone is the error of a database that cannot be asked, of which nothing follows about
// vulnerabilities.
var errNone = errors.New("no database of vulnerabilities")

func main() {
	db := flag.String("db", cmp.Or(os.Getenv("VULNDB"), os.Getenv("GOVULNDB"), public), "the database, a `folder` or an address")
	skip := flag.Bool("may-skip", false, "do not fail where there is no database, and say so")
	flag.Parse()
	modules := flag.Args()
	if len(modules) == 0 {
		modules = []string{".", "hack/cluster"} // of which the latter writes the image
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := look(ctx, os.Stdout, *db, modules)
	stop()
	if *skip && errors.Is(err, errNone) {
		fmt.Printf("!!! vuln: SKIPPED, nothing was looked at: %v. VULNDB names a copy\n", err)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(1)
	}
}

// look fails where something was found, and where nothing could be looked at.
func look(ctx context.Context, out io.Writer, db string, modules []string) error {
	source, age, err := find(ctx, db)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "vuln: %s, %s\n", source, age)
	tools, err := filepath.Abs("hack/tools/go.mod")
	if err != nil {
		return fmt.Errorf("find tools: %w", err)
	}
	var errs []error
	for _, module := range modules {
		_, _ = fmt.Fprintf(out, "vuln: module %s\n", module)
		cmd := exec.CommandContext(ctx, "go", "tool", "-modfile="+tools, "govulncheck", "-db", source, "-C", module, "./...")
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Run(); err != nil {
			errs = append(errs, fmt.Errorf("module %s: %w", module, err))
		}
	}
	return errors.Join(errs...)
}
