package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // the ways in which a kubeconfig may log in
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/survey"
)

// access are the flags that name a cluster, and a namespace of it, as kubectl has them, or a
// standalone proxy by the URL of its admin port.
type access struct {
	context, kubeconfig, namespace, admin string
	everywhere                            bool
	instead                               string // what a command can ask instead of a cluster
}

// bind adds the flags to a command.
func (a *access) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&a.context, "context", "", "context of the kubeconfig")
	flags.StringVar(&a.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	flags.StringVarP(&a.namespace, "namespace", "n", "", "namespace of the routes; that of the context by default")
}

// bindAll adds -A too, for commands that show many routes.
func (a *access) bindAll(cmd *cobra.Command) {
	a.bind(cmd)
	cmd.Flags().BoolVarP(&a.everywhere, "all-namespaces", "A", false, "routes of all namespaces")
	cmd.MarkFlagsMutuallyExclusive("namespace", "all-namespaces")
}

// bindAdmin adds the flag of a standalone proxy; its text ends with what holds without it.
func (a *access) bindAdmin(cmd *cobra.Command, without string) {
	cmd.Flags().Var((*adminURL)(&a.admin), "admin", "URL or host:port of a standalone proxy's admin port"+without)
	a.instead = ", or a standalone proxy by --admin"
	cmd.MarkFlagsMutuallyExclusive("admin", "context")
	cmd.MarkFlagsMutuallyExclusive("admin", "kubeconfig")
}

// adminURL is the flag of an admin port: a URL, or host:port as fanoutctl run takes it.
type adminURL string

func (u *adminURL) String() string { return string(*u) }

func (u *adminURL) Type() string { return "string" }

func (u *adminURL) Set(value string) error {
	if whole, to := readURL(value); to != nil {
		*u = adminURL(whole)
		return nil
	}
	return errors.New("it is neither a URL nor host:port, as http://127.0.0.1:9091 and 127.0.0.1:9091 are")
}

// readURL makes a URL of one, or of host:port; nil where it is neither.
func readURL(text string) (whole string, to *url.URL) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return text, nil
	}
	return text, to
}

// errNoCluster is the error of commands that need one.
var errNoCluster = errors.New("no kubeconfig has a current context: name one by KUBECONFIG, --kubeconfig or --context")

// cluster is the one that flags and kubeconfig name, as kubectl finds it; nil where they name
// none.
func (a *access) cluster() (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: a.context}
	overrides.Context.Namespace = a.namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	if raw.CurrentContext == "" && a.context == "" && a.kubeconfig == "" {
		return nil, nil
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return connect(config, namespace)
}

// required is the cluster of commands that need one.
func (a *access) required() (*cluster, error) {
	c, err := a.cluster()
	if err == nil && c == nil {
		err = fmt.Errorf("%w%s", errNoCluster, a.instead)
	}
	return c, err
}

// wanted is what flags and argument say.
func (a *access) wanted(only string) (survey.Wanted, error) {
	namespace, name, both := strings.Cut(only, "/")
	if !both {
		return survey.Wanted{Namespace: a.namespace, Name: only}, nil
	}
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return survey.Wanted{}, fmt.Errorf("%q is not NAME or NAMESPACE/NAME of a route", only)
	}
	if a.everywhere || a.namespace != "" && a.namespace != namespace {
		return survey.Wanted{}, fmt.Errorf("%q names a namespace, and so does a flag: leave one of them out", only)
	}
	return survey.Wanted{Namespace: namespace, Name: name}, nil
}

// in is what is wanted of a cluster: without a namespace, that of the context, or all.
func (a *access) in(c *cluster, only string) (survey.Wanted, error) {
	w, err := a.wanted(only)
	if err == nil && w.Namespace == "" && !a.everywhere {
		w.Namespace = c.namespace
	}
	return w, err
}

// open is the cluster of a command that needs one, and what is wanted of it.
func (a *access) open(only string) (*cluster, survey.Wanted, error) {
	c, err := a.required()
	if err != nil {
		return nil, survey.Wanted{}, err
	}
	w, err := a.in(c, only)
	return c, w, err
}

// scheme knows Kubernetes' types and ours.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	cobra.CheckErr(errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s), apiextensionsv1.AddToScheme(s)))
	return s
}
