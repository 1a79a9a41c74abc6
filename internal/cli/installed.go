package cli

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/config/crd"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/survey"
)

// operatorLabel selects the operator's Deployment, however it was installed.
const operatorLabel = "app.kubernetes.io/name=fanout-operator"

// definition compares the CRD of the cluster with that of this fanoutctl.
func (c *cluster) definition(ctx context.Context) finding {
	const check = "crd"
	ours, live := &apiextensionsv1.CustomResourceDefinition{}, &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(crd.FanoutRoutes(), ours); err != nil {
		return finding{failMark, check, err.Error(), "This fanoutctl is broken."}
	}
	err := c.objects.Get(ctx, client.ObjectKey{Name: ours.Name}, live)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return finding{failMark, check, ours.Name + " is not installed", "Install it: kubectl apply --server-side -k config/crd, or the chart."}
	case apierrors.IsForbidden(err):
		return finding{warnMark, check, "you may not read " + ours.Name, "The right to get customresourcedefinitions lets fanoutctl compare its version."}
	case err != nil:
		return finding{failMark, check, err.Error(), ""}
	}
	served := ""
	for i := range live.Spec.Versions {
		v := &live.Spec.Versions[i]
		if v.Name == v1alpha1.GroupVersion.Version && v.Served {
			served = v.Name
			if reflect.DeepEqual(v.Schema, ours.Spec.Versions[0].Schema) {
				return finding{okMark, check, ours.Name + " " + served + ", as this fanoutctl knows it", ""}
			}
		}
	}
	if served == "" {
		return finding{failMark, check, ours.Name + " does not serve " + v1alpha1.GroupVersion.Version, "Install the CRD of the operator's version."}
	}
	return finding{warnMark, check, ours.Name + " " + served + " has another schema than this fanoutctl's", "CRD, operator and fanoutctl should be of one version: helm does not upgrade CRDs of its folder crds by itself."}
}

// deployment is the operator's; nil where there is none.
func (c *cluster) deployment(ctx context.Context, namespace string) (*appsv1.Deployment, error) {
	list, err := c.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: operatorLabel})
	if err != nil {
		return nil, survey.Explained(err, "list Deployments of "+namespace)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return &list.Items[0], nil
}

// operator judges the operator's Deployment, nil for none, or why it could not be read, and
// its Lease.
func (c *cluster) operator(ctx context.Context, namespace string, d *appsv1.Deployment, err error, now time.Time) finding {
	const check = "operator"
	if err != nil {
		return finding{warnMark, check, err.Error(), "See --operator-namespace, or ask for the right."}
	}
	if d == nil {
		return finding{failMark, check, "no Deployment of it in namespace " + namespace, "Install the operator, or name its namespace by --operator-namespace."}
	}
	found := fmt.Sprintf("%s/%s, %d of %d ready, %s", d.Namespace, d.Name, d.Status.ReadyReplicas, d.Status.Replicas, image(d))
	if d.Status.ReadyReplicas == 0 {
		return finding{failMark, check, found, fmt.Sprintf("See why: kubectl -n %s describe pods -l %s.", namespace, operatorLabel)}
	}
	if age := c.Stale(ctx, d.Namespace+"/"+d.Name, now); age != "" && age != survey.UnknownTime {
		return finding{failMark, check, found + ", its Lease was renewed " + age + " ago", fmt.Sprintf("No operator leads: kubectl -n %s logs deploy/%s.", namespace, d.Name)}
	}
	return finding{okMark, check, found, ""}
}

func image(d *appsv1.Deployment) string {
	if len(d.Spec.Template.Spec.Containers) == 0 {
		return ""
	}
	return d.Spec.Template.Spec.Containers[0].Image
}

// proxies compares what proxies run with what the operator runs, where it is known: they are
// of one image.
func (c *cluster) proxies(ctx context.Context, operator *appsv1.Deployment) []finding {
	const check = "proxies"
	found, err := c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.RouteLabel})
	if err != nil {
		return []finding{{warnMark, check, survey.Explained(err, "list proxies").Error(), "The right to list pods in all namespaces lets fanoutctl compare their versions."}}
	}
	images := map[string]int{}
	for i := range found.Items {
		if image := pods.Proxy(&found.Items[i]).Image; image != "" {
			images[image]++
		}
	}
	known, flags := "", ""
	if operator != nil && image(operator) != "" {
		known, flags = image(operator), strings.Join(operator.Spec.Template.Spec.Containers[0].Args, " ")
	}
	list := []finding{}
	for _, of := range slices.Sorted(maps.Keys(images)) {
		f := finding{okMark, check, fmt.Sprintf("%d of image %s", images[of], of), ""}
		if known != "" && of != known && !strings.Contains(flags, of) { // --proxy-image may name it
			f.Mark, f.Hint = warnMark, "The operator runs "+known+": sidecars keep their version until their Pods are made anew; others roll by themselves."
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, finding{okMark, check, "none runs", ""})
	}
	return list
}
