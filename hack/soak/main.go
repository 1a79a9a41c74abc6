// Soak runs the proxy under mixed load for a long time and says whether it grows: calls
// of every policy and response type, some of them canceled, some to backends that hang,
// break off or are slow. Heap and goroutines are read after a forced collection, while no
// call is under way, early and at the end. Everything is in this process, on loopback.
//
// With -memory it measures instead what the process takes at its worst beside what
// docs/operations/memory.md says it may, and what calls that have nothing to do with it
// notice: large and unlucky bodies, and clients that only want to be waited for. With -abuse
// it measures the same while clients and backends send what is not meant well, beside
// docs/security/abuse.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	span := flag.Duration("span", 30*time.Minute, "how long the load goes on")
	first := flag.Duration("first", 5*time.Minute, "when the first reading is taken")
	rate := flag.Int("rate", 150, "calls a second")
	memory := flag.String("memory", "", "measure the memory of this `program`, bin/fanout-proxy, instead")
	abused := flag.String("abuse", "", "abuse this `program`, bin/fanout-proxy, instead, and measure the same")
	seed := flag.Uint64("seed", 1, "of what -abuse leaves to chance")
	trial := flag.String("trial", "", "with -memory and -abuse, those `trials` alone whose names have this in them, or one of these: A|B")
	stand := flag.Bool("stand-by", false, "be the bystanders of -memory and -abuse, which start them themselves")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *stand:
		err = standBy(ctx)
	case *memory != "":
		err = measure(ctx, *memory, *trial, trials())
	case *abused != "":
		err = abuseOf(ctx, *abused, *trial, *seed)
	default:
		err = soak(ctx, *span, *first, *rate)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		stop()
		os.Exit(1)
	}
}

func abuseOf(ctx context.Context, program, trial string, seed uint64) error {
	list, err := abuses(seed)
	if err != nil {
		return err
	}
	return measure(ctx, program, trial, list)
}
