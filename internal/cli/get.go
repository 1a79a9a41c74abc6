package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// askTimeout bounds what a command may ask the API server for.
const askTimeout = 20 * time.Second

func newGet() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "get [NAME | NAMESPACE/NAME]",
		Short: "List routes with the first thing that is wrong with each",
		Long: "Lists FanoutRoutes as kubectl get does, with the reason of the first condition that is not as it should be, and its message. " +
			"Where the operator that writes the figures is gone, it says since when they are not written any more.",
		Args: cobra.MaximumNArgs(1),
	}
	a.bindAll(cmd)
	a.complete(cmd)
	output := cmd.Flags().StringP("output", "o", "table", "table or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "table" && *output != "json" {
			return fmt.Errorf("output %q is neither table nor json", *output)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		c, w, err := a.open(strings.Join(args, ""))
		if err != nil {
			return err
		}
		routes, err := c.list(ctx, w)
		if err != nil {
			return err
		}
		now := time.Now()
		rows := c.rows(ctx, routes, now)
		if *output == "json" {
			return writeJSON(cmd.OutOrStdout(), rows)
		}
		return writeRows(cmd.OutOrStdout(), rows, a.everywhere)
	}
	return cmd
}

// list returns the wanted routes, in the order of namespace and name.
func (c *cluster) list(ctx context.Context, w wanted) ([]v1alpha1.FanoutRoute, error) {
	if w.name != "" {
		route := v1alpha1.FanoutRoute{}
		if err := c.objects.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: w.name}, &route); err != nil {
			return nil, explained(err, fmt.Sprintf("get route %s/%s", w.namespace, w.name))
		}
		return []v1alpha1.FanoutRoute{route}, nil
	}
	list := &v1alpha1.FanoutRouteList{}
	if err := c.objects.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
		return nil, explained(err, "list routes")
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.FanoutRoute) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// row is one route as get shows it.
type row struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Ready     string `json:"ready"`
	// Reason is that of the worst condition, Message what it says where that is bad.
	Reason   string `json:"reason"`
	Backends string `json:"backends,omitempty"`
	Success  string `json:"success,omitempty"`
	P99      string `json:"p99,omitempty"`
	Rate     string `json:"rate,omitempty"`
	Age      string `json:"age"`
	Message  string `json:"message,omitempty"`
	// Stale is for how long no operator has written this; empty where one does.
	Stale string `json:"stale,omitempty"`
}

func (c *cluster) rows(ctx context.Context, routes []v1alpha1.FanoutRoute, now time.Time) []row {
	rows := []row{}
	operators := map[string]string{}
	for i := range routes {
		route := &routes[i]
		r := row{
			Namespace: route.Namespace, Name: route.Name, Ready: string(metav1.ConditionUnknown), Reason: v1alpha1.ReasonPending,
			Backends: route.Status.HealthyBackends, Age: duration.HumanDuration(now.Sub(route.CreationTimestamp.Time)),
		}
		if ready := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			r.Ready = string(ready.Status)
		}
		if worst := worst(route); worst != nil {
			r.Reason = worst.Reason
			if isBad(worst) {
				r.Message = worst.Message
			}
		}
		if t := route.Status.Traffic; t != nil {
			r.Success, r.Rate = t.SuccessRate, t.RequestRate
			if t.Latency != nil {
				r.P99 = t.Latency.P99
			}
		}
		stale, known := operators[route.Status.Operator]
		if !known {
			stale = c.stale(ctx, route.Status.Operator, now)
			operators[route.Status.Operator] = stale
		}
		r.Stale = stale
		rows = append(rows, r)
	}
	return rows
}

// byWeight are the conditions in the order in which they hurt. Ready is the sum of the first.
func byWeight() []string {
	return []string{
		v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionProgrammed,
		v1alpha1.ConditionBackendsHealthy, v1alpha1.ConditionSidecarsInjected, v1alpha1.ConditionRateLimitStoreReachable,
	}
}

// worst is the first condition that is bad, or Ready; nil where there is neither.
func worst(route *v1alpha1.FanoutRoute) *metav1.Condition {
	for _, kind := range byWeight() {
		if c := meta.FindStatusCondition(route.Status.Conditions, kind); c != nil && isBad(c) {
			return c
		}
	}
	return meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReady)
}

// isBad reports whether a condition is not as it should be. That nothing is known of backends
// without traffic is no fault.
func isBad(c *metav1.Condition) bool {
	switch c.Type {
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
		return c.Status == metav1.ConditionTrue
	}
	return c.Status != metav1.ConditionTrue && c.Reason != v1alpha1.ReasonNoTraffic
}

func writeRows(out io.Writer, rows []row, everywhere bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	head := "NAME\tREADY\tREASON\tBACKENDS\tSUCCESS\tP99\tRATE\tAGE\tMESSAGE"
	if everywhere {
		head = "NAMESPACE\t" + head
	}
	_, _ = fmt.Fprintln(w, head)
	for _, r := range rows {
		if everywhere {
			_, _ = fmt.Fprint(w, r.Namespace+"\t")
		}
		message := r.Message
		if r.Stale != "" {
			message = "as of " + r.Stale + " ago, the operator is gone. " + message
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Ready, r.Reason, r.Backends, r.Success, r.P99, r.Rate, r.Age, message)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	return nil
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// textOrJSON refuses another output.
func textOrJSON(output string) error {
	if output != "text" && output != "json" {
		return fmt.Errorf("output %q is neither text nor json", output)
	}
	return nil
}
