// Mutate says whether tests hold what they cover. It takes out one guard at a time, an if
// whose body returns, cancels, releases or counts, runs the tests of the guard's own
// package, and reports every guard whose absence nobody noticed. Which ones are tried
// follows from the seed alone.
//
// It ends with 1 where less than 95 % of them were noticed. Those do not count against it
// that docs/mutation.md explains by name; an explanation of what is not there fails, too.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// wanted is the least part of the guards that somebody has to notice, in percent.
const wanted = 95

// options are what may be chosen.
type options struct {
	root, explained, only string
	folders               []string
	most                  int
	seed                  uint64
	within, grace         time.Duration
	parallel              int
}

func main() {
	o := options{root: "."}
	flag.StringVar(&o.explained, "explained", "docs/mutation.md", "the `file` that explains what nobody can notice")
	flag.StringVar(&o.only, "only", "", "only guards whose names have this `text` in them")
	flag.IntVar(&o.most, "n", 300, "how many guards are taken out, at most")
	flag.Uint64Var(&o.seed, "seed", 1, "which ones they are")
	flag.DurationVar(&o.within, "within", time.Hour, "no guard is taken out any more after this time")
	flag.DurationVar(&o.grace, "grace", 20*time.Second, "how much longer than thrice as long tests may take before they hang")
	flag.IntVar(&o.parallel, "parallel", 16, "tests of a package that run at once")
	flag.Parse()
	if o.folders = flag.Args(); len(o.folders) == 0 {
		o.folders = usual()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// usual are the packages whose guards a call, a credential or a figure depends on.
func usual() []string {
	return []string{
		"internal/fanout", "internal/backend", "internal/breaker", "internal/carrier", "internal/outgoing",
		"internal/gate", "internal/combine", "internal/creds", "internal/stats",
	}
}

// run tries a sample and reports; the error says what does not hold.
func run(ctx context.Context, out io.Writer, o options) error {
	all, err := guards(o)
	if err != nil {
		return err
	}
	reasons, err := explanations(o.explained)
	if err != nil {
		return err
	}
	chosen := sample(all, o)
	l, err := newLaboratory(o)
	if err != nil {
		return err
	}
	defer l.close()
	fmt.Fprintf(out, "%d guards in %s, %d of them by seed %d\n", len(all), strings.Join(o.folders, " "), len(chosen), o.seed)
	if err := l.measure(ctx, out, chosen); err != nil {
		return err
	}
	r := report{reasons: reasons, known: all}
	end := time.Now().Add(o.within)
	for i := range chosen {
		if ctx.Err() != nil || time.Now().After(end) {
			r.untried = len(chosen) - i
			break
		}
		t, err := l.try(ctx, &chosen[i])
		if err != nil {
			return err
		}
		r.tried = append(r.tried, t)
		fmt.Fprintf(out, "%4d  %s\n", i+1, t)
	}
	r.write(out)
	return r.judge()
}

// guards are all that there are in the folders.
func guards(o options) ([]guard, error) {
	var all []guard
	for _, folder := range o.folders {
		found, err := guardsOf(o.root, folder)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// sample draws guards by the seed, in the order in which they are tried: whoever runs out
// of time has a sample all the same.
func sample(all []guard, o options) []guard {
	drawn := slices.DeleteFunc(slices.Clone(all), func(g guard) bool { return !strings.Contains(g.name, o.only) })
	rand.New(rand.NewPCG(o.seed, 0)).Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	return drawn[:min(len(drawn), o.most)]
}
