// Cluster starts and removes a Kubernetes of one node on a Linux machine, with root
// and without a container engine or an image registry.
//
// All of it runs in a process, a mount and a network namespace of its own, below one
// first process (node.go): when that one ends, the kernel takes down every process,
// mount, network link and rule. The machine reaches the API server on a port of
// loopback, and nothing else of it; nothing in it reaches beyond the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `usage: cluster [-dir FOLDER] [-module FOLDER] COMMAND
  up              start the cluster, or say that it runs; FOLDER/kubeconfig speaks to it
  down            end it and remove everything of it
  load TAR...     load images, OCI or docker-archive
  stop NAME       end a component, kube-apiserver for example, until it is started again
  start NAME      start it again
  pause NAME      stop a container's process with SIGSTOP; NAME is NAMESPACE/POD/CONTAINER
  resume NAME     let it go on
  image [-o TAR] [-name NAME] [-entrypoint PATH] FILE=PATH...
                  write an image of static programs; twice the same for the same programs`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	dir := flags.String("dir", ".cluster", "`folder` of the cluster's state")
	module := flags.String("module", "hack/cluster", "`folder` of this program's source, with the versions of all others")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return fmt.Errorf("find state folder: %w", err)
	}
	c := &cluster{dir: absolute, module: *module}
	command, rest := flags.Arg(0), flags.Args()
	if len(rest) > 0 {
		rest = rest[1:]
	}
	switch {
	case command == "image":
		return writeImage(rest)
	case command == "up" && len(rest) == 0:
		return c.up(ctx)
	case command == "node" && len(rest) == 1: // what up starts, in namespaces of its own
		return c.node(rest[0])
	case command == "down" && len(rest) == 0:
		return c.down()
	case command == "load" && len(rest) > 0:
		return c.load(ctx, rest)
	case command == "stop" && len(rest) == 1:
		return c.stop(ctx, rest[0])
	case command == "start" && len(rest) == 1:
		return c.start(ctx, rest[0])
	case command == "pause" && len(rest) == 1:
		return c.signal(ctx, rest[0], syscall.SIGSTOP)
	case command == "resume" && len(rest) == 1:
		return c.signal(ctx, rest[0], syscall.SIGCONT)
	}
	return errors.New(usage)
}

// cluster is one cluster, known by the folder of its state.
type cluster struct{ dir, module string }

func (c *cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...) }
