package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// oldestCluster is the first version of Kubernetes that Fanout is tried with, see
// docs/operations/install.md.
const oldestCluster = "1.33.0"

func newCheck() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether Fanout is installed as it should be",
		Long: "Checks the API server, the CRD, the operator with its Lease, and what proxies run; with --pre, whether Fanout can be installed: the version of " +
			"Kubernetes, and your rights. A line begins with ok, warn or fail, and has a hint where something is wrong. It ends with 1 where anything failed.",
		Args: noArguments,
	}
	a.bind(cmd)
	pre := cmd.Flags().Bool("pre", false, "check whether Fanout can be installed")
	operators := cmd.Flags().String("operator-namespace", "fanout-system", "namespace of the operator")
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := textOrJSON(*output); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		c, err := a.required()
		if err != nil {
			return err
		}
		list := []finding{c.kubernetes()}
		if *pre {
			list = append(list, c.mayInstall(ctx)...)
		} else {
			d, err := c.deployment(ctx, *operators)
			list = append(list, c.definition(ctx), c.operator(ctx, *operators, d, err, time.Now()))
			list = append(list, c.proxies(ctx, d)...)
		}
		if *output == "json" {
			err = writeJSON(cmd.OutOrStdout(), list)
		} else {
			err = writeFindings(cmd.OutOrStdout(), list)
		}
		for _, f := range list {
			if err == nil && f.Mark == failMark {
				return ErrReported
			}
		}
		return err
	}
	return cmd
}

// mark is how a check ended.
type mark string

const (
	okMark   mark = "ok"
	warnMark mark = "warn"
	failMark mark = "fail"
)

// finding is what a check found.
type finding struct {
	Mark  mark   `json:"mark"`
	Check string `json:"check"`
	Found string `json:"found"`
	// Hint is what to do, where something is wrong.
	Hint string `json:"hint,omitempty"`
}

// kubernetes asks for the version of the API server.
func (c *cluster) kubernetes() finding {
	const check = "kubernetes"
	info, err := c.client.Discovery().ServerVersion()
	if err != nil {
		return finding{failMark, check, err.Error(), "The API server does not answer: see --context, and your network."}
	}
	v, err := version.ParseGeneric(info.GitVersion)
	if err != nil || v.LessThan(version.MustParseGeneric(oldestCluster)) {
		return finding{failMark, check, info.GitVersion, "Fanout wants Kubernetes " + oldestCluster + " or newer."}
	}
	return finding{okMark, check, info.GitVersion, ""}
}

// mayInstall asks for the rights that the installation takes.
func (c *cluster) mayInstall(ctx context.Context) (list []finding) {
	for _, right := range []authorizationv1.ResourceAttributes{
		{Verb: "create", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
		{Verb: "create", Resource: "namespaces"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
		{Verb: "create", Group: "apps", Resource: "deployments"},
	} {
		what := right.Verb + " " + strings.TrimSuffix(right.Resource+"."+right.Group, ".")
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right}}
		answer, err := c.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		switch {
		case err != nil:
			list = append(list, finding{failMark, "rights", what + ": " + err.Error(), "The API server could not say what you may do."})
		case answer.Status.Allowed:
			list = append(list, finding{okMark, "rights", what, ""})
		case right.Verb == "escalate": // whoever has all rights of the role needs none to give them
			list = append(list, finding{warnMark, "rights", what, "Without it the role can be made by somebody alone who has every right in it."})
		default:
			list = append(list, finding{failMark, "rights", what, "Install as a cluster's administrator, or with --namespaces, see docs/operations/install.md."})
		}
	}
	return list
}

func writeFindings(out io.Writer, list []finding) error {
	p, w := paintFor(out), tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", p.cell(shadeOf(string(f.Mark)), string(f.Mark)), f.Check, cellText(f.Found))
		if f.Hint != "" {
			_, _ = fmt.Fprintf(w, "%s\t\t→ %s\n", p.cell(plain, ""), f.Hint)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
