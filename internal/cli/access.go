package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // the ways in which a kubeconfig may log in
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// access are the flags that name a cluster, and a namespace of it, as kubectl has them.
type access struct {
	context, kubeconfig, namespace string
	everywhere                     bool
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

// connect makes the clients of a cluster. Nothing is asked yet.
func connect(config *rest.Config, namespace string) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // podsAtOnce bounds what is under way: Pods must not time out in our own queue
	asked, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	objects, err := client.New(config, client.Options{Scheme: scheme()})
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	return &cluster{config: config, client: asked, objects: objects, namespace: namespace}, nil
}

// required is the cluster of commands that need one.
func (a *access) required() (*cluster, error) {
	c, err := a.cluster()
	if err == nil && c == nil {
		err = errNoCluster
	}
	return c, err
}

// wanted is what flags and argument say.
func (a *access) wanted(only string) (wanted, error) {
	namespace, name, both := strings.Cut(only, "/")
	if !both {
		return wanted{a.namespace, only}, nil
	}
	if a.everywhere || a.namespace != "" && a.namespace != namespace {
		return wanted{}, fmt.Errorf("%q names a namespace, and so does a flag: leave one of them out", only)
	}
	return wanted{namespace, name}, nil
}

// in is what is wanted of a cluster: without a namespace, that of the context, or all.
func (a *access) in(c *cluster, only string) (wanted, error) {
	w, err := a.wanted(only)
	if err == nil && w.namespace == "" && !a.everywhere {
		w.namespace = c.namespace
	}
	return w, err
}

// open is the cluster of a command that needs one, and what is wanted of it.
func (a *access) open(only string) (*cluster, wanted, error) {
	c, err := a.required()
	if err != nil {
		return nil, wanted{}, err
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

// explained adds what to do to an error of the API server.
func explained(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%s: the cluster has no FanoutRoutes: install Fanout's CRD, or name another cluster by --context: %w", what, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: the cluster role view, bound in the namespace, gives the right: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
