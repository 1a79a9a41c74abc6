package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingapply "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	networkingapply "k8s.io/client-go/applyconfigurations/networking/v1"
	policyapply "k8s.io/client-go/applyconfigurations/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// extractedBy is what client-go says that a manager has applied.
func extractedBy(object client.Object, manager string) (any, error) {
	switch of := object.(type) {
	case *corev1.ConfigMap:
		return coreapply.ExtractConfigMap(of, manager)
	case *corev1.Service:
		return coreapply.ExtractService(of, manager)
	case *appsv1.Deployment:
		return appsapply.ExtractDeployment(of, manager)
	case *networkingv1.NetworkPolicy:
		return networkingapply.ExtractNetworkPolicy(of, manager)
	case *policyv1.PodDisruptionBudget:
		return policyapply.ExtractPodDisruptionBudget(of, manager)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return autoscalingapply.ExtractHorizontalPodAutoscaler(of, manager)
	}
	return nil, fmt.Errorf("a %T", object)
}

// What we have applied is read as client-go reads it, of children of every kind, and after
// others have changed them; and what the cache keeps says the same.
func TestOursIsReadAsClientGoReadsIt(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	var routes []*v1alpha1.FanoutRoute
	for i := range 6 {
		route := newRoute(namespace, fmt.Sprintf("r%d", i), "https://one.example.com/", ofEveryKind(i))
		create(t, route)
		routes = append(routes, route)
	}
	o := startOperator(t, namespace)
	for i, route := range routes {
		if i != 2 { // of sidecars
			testkit.Eventually(t, route.Name+" has its children", func() bool { return hasChildren(t, route) })
		}
	}
	o.settle(t)
	o.stop()
	compared := map[string]int{}
	for _, change := range []func(client.Object){nil, theirs} {
		for _, route := range routes {
			for kind, object := range map[string]client.Object{
				"ConfigMap": &corev1.ConfigMap{}, "Service": &corev1.Service{}, "Deployment": &appsv1.Deployment{}, "NetworkPolicy": &networkingv1.NetworkPolicy{},
				"PodDisruptionBudget": &policyv1.PodDisruptionBudget{}, "HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
			} {
				err := admin.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: desired.Name(route)}, object)
				if apierrors.IsNotFound(err) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if change != nil {
					change(object)
					if err := admin.Update(t.Context(), object); err != nil {
						t.Fatal(err)
					}
				}
				compared[kind]++
				readAlike(t, kind, object)
			}
		}
	}
	if len(compared) != 6 || compared["Deployment"] < 10 {
		t.Errorf("compared %v", compared)
	}
}

func readAlike(t *testing.T, kind string, object client.Object) {
	t.Helper()
	said, err := extractedBy(object, "fanout-operator")
	if err != nil {
		t.Fatal(err)
	}
	want, err := controllers.Digest(said)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	got, err := controllers.Ours(kind, object)
	if err != nil || got != want {
		text, _ := json.Marshal(said)
		t.Errorf("%s %s: got another content than %s (%v)", kind, object.GetName(), text, err)
	}
	controllers.Slim(kind, object)
	if got, err = controllers.Ours(kind, object); err != nil || got != want {
		t.Errorf("what is kept of %s %s says something else (%v)", kind, object.GetName(), err)
	}
	if kept, _ := json.Marshal(object); kind == "Deployment" && len(kept) > len(whole)/2 || len(kept) > len(whole) {
		t.Errorf("of %d bytes of %s %s %d are kept", len(whole), kind, object.GetName(), len(kept))
	}
	before, _ := json.Marshal(object)
	controllers.Slim(kind, object) // as when a watch begins anew
	if again, _ := json.Marshal(object); string(again) != string(before) {
		t.Errorf("what is kept of %s %s becomes\n%s, was\n%s", kind, object.GetName(), again, before)
	}
}

// theirs changes what is ours, and adds what is not.
func theirs(object client.Object) {
	object.SetLabels(map[string]string{v1alpha1.RouteLabel: object.GetLabels()[v1alpha1.RouteLabel], "theirs": "1"})
	switch of := object.(type) {
	case *corev1.ConfigMap:
		of.Data["theirs"] = "1"
	case *corev1.Service:
		of.Spec.Ports = append(of.Spec.Ports, corev1.ServicePort{Name: "theirs", Port: 4321})
	case *appsv1.Deployment:
		c := &of.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: "THEIRS", Value: "1"})
		c.Image = "theirs"
		of.Spec.Template.Spec.Containers = append(of.Spec.Template.Spec.Containers, corev1.Container{Name: "theirs", Image: "theirs"})
	case *networkingv1.NetworkPolicy:
		of.Spec.Ingress = nil
	}
}

// A list in which an item is there twice cannot be read, and says so.
func TestOursOfAnItemThatIsThereTwice(t *testing.T) {
	t.Parallel()
	service := &corev1.Service{}
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"a","managedFields":[{"manager":"fanout-operator","operation":"Apply","fieldsV1":
		{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}}]},
		"spec":{"ports":[{"port":80,"protocol":"TCP","name":"a"},{"port":80,"protocol":"TCP","name":"b"}]}}`), service); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as the cache keeps it
		if _, err := controllers.Ours("Service", service); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("read with error %v", err)
		}
		controllers.Slim("Service", service)
	}
}
