package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/survey"
)

// maxLine bounds a line of a log, in bytes. What is longer is cut into several.
const maxLine = 1 << 20

// logsOptions are the flags of fanoutctl logs.
type logsOptions struct {
	access

	follow bool
	tail   int64
	since  time.Duration
}

func newLogs() *cobra.Command {
	o := &logsOptions{}
	cmd := &cobra.Command{
		Use:   "logs NAME | NAMESPACE/NAME",
		Short: "Show the logs of a route's proxies",
		Long:  "Shows the logs of all proxies of a route, sidecars included, each line after the name of its Pod. It takes the right to get pods/log.",
		Args:  oneRoute,
	}
	o.bind(cmd)
	o.complete(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on until you end it, with those Pods that are there now")
	flags.Int64Var(&o.tail, "tail", -1, "show so many of the last lines of each Pod; -1 is all")
	flags.DurationVar(&o.since, "since", 0, "show lines that are no older; 0 is all")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) }
	return cmd
}

func (o *logsOptions) run(cmd *cobra.Command, name string) error {
	c, w, err := o.open(name)
	if err != nil {
		return err
	}
	list, err := c.PodsOf(cmd.Context(), w)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("no Pod of namespace %q is of a route %q: see fanoutctl status", w.Namespace, w.Name)
	}
	asked := corev1.PodLogOptions{Follow: o.follow}
	if o.tail >= 0 {
		asked.TailLines = &o.tail
	}
	if o.since > 0 {
		asked.SinceSeconds = new(max(int64(o.since.Seconds()), 1))
	}
	out := &lines{out: cmd.OutOrStdout()}
	errs := make([]error, len(list))
	var reading sync.WaitGroup
	for i := range list {
		of := asked
		of.Container = pods.Proxy(&list[i]).Name
		reading.Go(func() {
			if errs[i] = c.log(cmd.Context(), w.Namespace, list[i].Name, &of, out); errs[i] != nil {
				out.tell(cmd, errs[i]) // at once: the others may never end
			}
		})
	}
	reading.Wait()
	if errors.Join(errs...) != nil {
		return ErrReported
	}
	return nil
}

// log writes the log of one proxy, line by line, to its end.
func (c *cluster) log(ctx context.Context, namespace, pod string, asked *corev1.PodLogOptions, out *lines) error {
	body, err := c.client.CoreV1().Pods(namespace).GetLogs(pod, asked).Stream(ctx)
	if err != nil {
		return survey.Explained(err, "read the log of Pod "+pod)
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	reader := bufio.NewReaderSize(body, maxLine)
	for {
		line, _, err := reader.ReadLine()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the log of Pod %s: %w", pod, err)
		}
		if err := out.write(pod, line); err != nil {
			return err
		}
	}
}

// lines keeps lines of several Pods apart.
type lines struct {
	mu  sync.Mutex
	out io.Writer
}

// tell tells an error between two lines.
func (l *lines) tell(cmd *cobra.Command, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tellError(cmd, err)
}

func (l *lines) write(pod string, line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Fprintf(l.out, "%s %s\n", pod, line); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}
