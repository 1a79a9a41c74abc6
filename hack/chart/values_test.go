package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// operatorPod is the Pod template of the operator's Deployment.
func operatorPod(t *testing.T, list []*unstructured.Unstructured) *corev1.PodTemplateSpec {
	t.Helper()
	content, _, err := unstructured.NestedMap(find(t, list, "Deployment", "fanout-operator").Object, "spec", "template")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// R5: what everybody sets is set, and nothing of it is where it is not asked for.
func TestR5ValuesArriveInThePod(t *testing.T) {
	t.Parallel()
	pod := operatorPod(t, render(t, "fanout", "fanout-system", everything...))
	c := pod.Spec.Containers[0]
	got := map[string]any{
		"image": c.Image, "pull": c.ImagePullPolicy, "memory": c.Resources.Limits.Memory().String(), "cpu": c.Resources.Requests.Cpu().String(),
		"pull secrets": pod.Spec.ImagePullSecrets, "node": pod.Spec.NodeSelector, "priority": pod.Spec.PriorityClassName,
		"tolerations": len(pod.Spec.Tolerations), "affinity": pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil,
		"label": pod.Labels["team"], "name": pod.Labels["app.kubernetes.io/name"], "annotation": pod.Annotations["example.com/x"],
		"spread": pod.Spec.TopologySpreadConstraints[0].TopologyKey, "spread over": pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels["app.kubernetes.io/name"],
	}
	want := map[string]any{
		"image": "registry.example.com/fanout@" + digest, "pull": corev1.PullAlways, "memory": "1Gi", "cpu": "1",
		"pull secrets": []corev1.LocalObjectReference{{Name: "registry"}}, "node": map[string]string{"kubernetes.io/os": "linux"}, "priority": "high",
		"tolerations": 1, "affinity": true,
		"label": "platform", "name": "fanout-operator", "annotation": "y",
		"spread": "zone", "spread over": "fanout-operator",
	}
	for what := range want {
		if !reflect.DeepEqual(got[what], want[what]) {
			t.Errorf("%s: the operator's Pod has %v, want %v", what, got[what], want[what])
		}
	}
	for _, argument := range []string{"--omit-user", "--proxy-image-pull-secret=mirror", "--require-allowed-hosts", "--watch-secrets", "--injector=fanout-injector"} {
		if !strings.Contains(strings.Join(c.Args, " ")+" ", argument+" ") {
			t.Errorf("the operator has no argument %s: %q", argument, c.Args)
		}
	}
	bare := operatorPod(t, render(t, "fanout", "fanout-system", "--set-json", "topologySpreadConstraints=[]"))
	if s := bare.Spec; s.Affinity != nil || s.NodeSelector != nil || s.Tolerations != nil || s.ImagePullSecrets != nil || s.PriorityClassName != "" || len(s.TopologySpreadConstraints) > 0 {
		t.Errorf("without values the Pod has some of them: %+v", s)
	}
	if n := len(operatorPod(t, render(t, "fanout", "fanout-system")).Spec.TopologySpreadConstraints); n != 1 {
		t.Errorf("by default there are %d topology spread constraints, want ours", n)
	}
}

// R5: typos and wrong types are refused with the name of the value.
func TestR5SchemaRefusesWhatIsNoValue(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`replicaCount=3`:                                     "replicaCount",
		`image.tagg="v1"`:                                    "tagg",
		`image.tag=1`:                                        "tag",
		`image.digest="v1"`:                                  "digest",
		`image.pullPolicy="Sometimes"`:                       "pullPolicy",
		`imagePullSecrets=["registry"]`:                      "imagePullSecrets",
		`imagePullSecrets=[{"name":"Registry"}]`:             "imagePullSecrets",
		`replicas="3"`:                                       "replicas",
		`replicas=-1`:                                        "replicas",
		`namespaces="shop"`:                                  "namespaces",
		`namespaces=["Shop"]`:                                "namespaces",
		`namespaces=["shop","shop"]`:                         "namespaces",
		`sidecar=true`:                                       "sidecar",
		`sidecar.enabled="yes"`:                              "enabled",
		`sidecar.enable=true`:                                "enable",
		`fastRotation.enabled=1`:                             "enabled",
		`dashboard=true`:                                     "dashboard",
		`dashboard.tlsSecretName="Page"`:                     "tlsSecretName",
		`dashboard.hosts=["https://fanout.example.com/"]`:    "hosts",
		`crds.instal=false`:                                  "instal",
		`userRoles.create="no"`:                              "create",
		`omitUser="true"`:                                    "omitUser",
		`monitoring.rule=true`:                               "rule",
		`nodeSelector=["linux"]`:                             "nodeSelector",
		`nodeSelector={"ssd":true}`:                          "ssd",
		`tolerations={"key":"a"}`:                            "tolerations",
		`tolerations=[{"keys":"a"}]`:                         "keys",
		`affinity={"nodeAfinity":{}}`:                        "nodeAfinity",
		`podLabels={"app.kubernetes.io/name":"x"}`:           "podLabels",
		`podAnnotations={"a":1}`:                             "podAnnotations",
		`serviceAccount.annotation={}`:                       "annotation",
		`priorityClassName=1`:                                "priorityClassName",
		`topologySpreadConstraints=[{"topologyKey":"zone"}]`: "maxSkew",
		`resources={"limit":{}}`:                             "limit",
		`extraArgs="--x"`:                                    "extraArgs",
		`extraArgs=["workers=4"]`:                            "extraArgs",
		`proxies={"imagePullSecret":[]}`:                     "imagePullSecret",
	} {
		_, err := helm(t, "template", "fanout", chart(), "--set-json", json)
		if err == nil {
			t.Errorf("%s passes", json)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is refused without naming %q: %v", json, want, err)
		}
	}
	if _, err := helm(t, "template", "fanout", chart(), "--set-json", `global={"registry":"r"}`); err != nil {
		t.Errorf("a chart that depends on this one cannot have global values: %v", err)
	}
}

// R5: every value is in the schema and in the README, and these have no others.
func TestR5EveryValueIsDescribed(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(chart(), name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	values, schema := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal(read("values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(read("values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	readme := string(read("README.md"))
	var walk func(path string, values, schema map[string]any)
	walk = func(path string, values, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for name := range properties {
			if _, ok := values[name]; !ok && name != "global" {
				t.Errorf("%s%s is in the schema and not in values.yaml", path, name)
			}
		}
		for name, value := range values {
			one, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s%s is not in the schema", path, name)
				continue
			}
			group, isGroup := value.(map[string]any)
			if inner, _ := one["properties"].(map[string]any); isGroup && len(inner) > 0 && len(group) > 0 && name != "resources" {
				walk(path+name+".", group, one)
				continue
			}
			if !strings.Contains(readme, "| `"+path+name+"` |") {
				t.Errorf("%s%s is not in README.md", path, name)
			}
		}
	}
	walk("", values, schema)
}

// R5: every object says what it belongs to, in the words that everybody's tools read.
func TestR5StandardLabels(t *testing.T) {
	t.Parallel()
	for _, u := range render(t, "mine", "fanout-system", everything...) {
		labels := u.GetLabels()
		for name, want := range map[string]string{
			"app.kubernetes.io/name": "fanout-operator", "app.kubernetes.io/instance": "mine", "app.kubernetes.io/version": "v0.1.0",
			"app.kubernetes.io/component": "operator", "app.kubernetes.io/part-of": "fanout", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "fanout-0.1.0",
		} {
			if labels[name] != want {
				t.Errorf("%s has the label %s: %q, want %q", id(u), name, labels[name], want)
			}
		}
	}
}

// R5: monitoring is behind a switch, the rules behind another one, and a release that
// watches some namespaces looks for proxies there alone.
func TestR5Monitoring(t *testing.T) {
	t.Parallel()
	dashboards := 0
	count := func(values ...string) (monitors, rules int) {
		dashboards = 0
		for _, u := range render(t, "fanout", "fanout-system", values...) {
			switch u.GetKind() {
			case "PodMonitor":
				monitors++
			case "PrometheusRule":
				rules++
			case "ConfigMap":
				if u.GetLabels()["grafana_dashboard"] == "1" {
					dashboards++
				}
				continue
			default:
				continue
			}
			if len(values) > 2 && u.GetLabels()["release"] != "prometheus" {
				t.Errorf("%s lacks the label by which Prometheus selects it", id(u))
			}
		}
		return monitors, rules
	}
	if m, r := count(); m+r+dashboards != 0 {
		t.Errorf("by default there are %d PodMonitors, %d rules and %d dashboards", m, r, dashboards)
	}
	if m, r := count(everything...); m != 2 || r != 1 || dashboards != 1 {
		t.Errorf("with monitoring there are %d PodMonitors, %d rules and %d dashboards", m, r, dashboards)
	}
	if m, r := count("--set", "monitoring.enabled=true,monitoring.rules=false,monitoring.dashboard=false"); m != 2 || r+dashboards != 0 {
		t.Errorf("without rules and dashboard there are %d PodMonitors, %d rules and %d dashboards", m, r, dashboards)
	}
	proxies := find(t, render(t, "fanout", "fanout-system", "--set", "monitoring.enabled=true,namespaces={shop,web}"), "PodMonitor", "fanout-proxies")
	names, _, _ := unstructured.NestedStringSlice(proxies.Object, "spec", "namespaceSelector", "matchNames")
	if !slices.Equal(names, []string{"shop", "web"}) {
		t.Errorf("proxies are looked for in %q, want shop and web", names)
	}
	rule := find(t, render(t, "fanout", "fanout-system", everything...), "PrometheusRule", "fanout")
	if encoded, _ := json.Marshal(rule.Object); !strings.Contains(string(encoded), "{{ $labels.backend }}") {
		t.Errorf("the alerts' own templates are gone: %s", encoded)
	}
	dashboard := find(t, render(t, "fanout", "fanout-system", everything...), "ConfigMap", "fanout-dashboard")
	own, err := os.ReadFile(filepath.Join(testkit.Root(), "config", "overlays", "monitoring", "dashboard.json"))
	if got, _, _ := unstructured.NestedString(dashboard.Object, "data", "fanout.json"); err != nil || got != string(own) {
		t.Errorf("the dashboard is not that of config (%v)", err)
	}
}

// R6: nothing of one release is another's, and a release of some namespaces has nothing
// that is the cluster's where it is told so.
func TestR6ReleasesShareNothing(t *testing.T) {
	t.Parallel()
	first := map[string]bool{}
	for _, u := range render(t, "fanout", "fanout-system", everything...) {
		first[id(u)] = true
	}
	second := append([]string{"--set", "namespaces={shop,web},crds.install=false"}, everything...)
	for _, u := range render(t, "second", "shop", second...) {
		if first[id(u)] {
			t.Errorf("%s is of both releases", id(u))
		}
	}
	for _, u := range render(t, "second", "shop", "--set", "namespaces={shop,web},crds.install=false,userRoles.create=false,fastRotation.enabled=true") {
		if u.GetNamespace() == "" {
			t.Errorf("%s is of the cluster", id(u))
		}
	}
}

// Q2, Q12: the user and the number of operators are left out where nobody sets them.
func TestQ2Q12WhatThePlatformSetsIsLeftOut(t *testing.T) {
	t.Parallel()
	list := render(t, "fanout", "fanout-system")
	if n, found, _ := unstructured.NestedFieldNoCopy(find(t, list, "Deployment", "fanout-operator").Object, "spec", "replicas"); found {
		t.Errorf("Q12: replicas are %v, and with server-side apply Helm's", n)
	}
	if user := operatorPod(t, list).Spec.SecurityContext.RunAsUser; user == nil || *user != 65532 {
		t.Errorf("Q2: by default the user is %v", user)
	}
	list = render(t, "fanout", "fanout-system", "--set", "omitUser=true,replicas=0")
	if n, _, _ := unstructured.NestedFieldNoCopy(find(t, list, "Deployment", "fanout-operator").Object, "spec", "replicas"); fmt.Sprint(n) != "0" {
		t.Errorf("Q12: replicas are %v, want the 0 that was set", n)
	}
	pod := operatorPod(t, list)
	if s := pod.Spec.SecurityContext; s.RunAsUser != nil || s.RunAsGroup != nil || s.FSGroup != nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot {
		t.Errorf("Q2: the Pod names a user: %v", s)
	}
}
