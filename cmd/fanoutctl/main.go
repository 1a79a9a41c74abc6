// Fanoutctl runs, checks and watches FanoutRoutes. Installed as kubectl-fanout it
// is a plugin of kubectl.
package main

import (
	"os"

	"github.com/fanout-operator/fanout/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
