package v1alpha1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

func template(fields string) string { return "proxy: {template: {" + fields + "}}\n" + one }

// list has n items, made of their number.
func list(n int, item string) string {
	var items []string
	for i := range n {
		items = append(items, strings.ReplaceAll(item, "N", fmt.Sprint(i)))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// Q3: what users expect of a Pod template is there, bounded, and what the API server would
// refuse of a Pod is refused of the route.
func TestQ3PodTemplateRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		ok("secrets to pull with", template("imagePullSecrets: [{name: registry}, {name: mirror.example.com}]")),
		bad("a secret twice", template("imagePullSecrets: [{name: a}, {name: a}]"), "imagePullSecrets[1]", "Duplicate"),
		bad("a secret without a name", template("imagePullSecrets: [{}]"), "imagePullSecrets[0].name", "Required"),
		bad("no name of a secret", template("imagePullSecrets: [{name: Registry}]"), "imagePullSecrets[0].name"),
		ok("16 secrets", template("imagePullSecrets: "+list(16, "{name: s-N}"))),
		bad("17 secrets", template("imagePullSecrets: "+list(17, "{name: s-N}")), "imagePullSecrets", "16"),
		ok("a service account", template("serviceAccountName: puller")),
		bad("no name of a service account", template("serviceAccountName: a_b"), "serviceAccountName"),
		ok("a runtime class", template("runtimeClassName: gvisor")),
		ok("aliases", template("hostAliases: [{ip: 10.1.2.3, hostnames: [api.example.com, api]}, {ip: 'fd00::1', hostnames: [six]}]")),
		bad("an alias of no address", template("hostAliases: [{ip: 10.1.2.300, hostnames: [a]}]"), "hostAliases.ip must be an address"),
		bad("an alias of no name", template("hostAliases: [{ip: 10.1.2.3}]"), "hostAliases[0].hostnames", "Required"),
		bad("an alias in capitals", template("hostAliases: [{ip: 10.1.2.3, hostnames: [API]}]"), "hostAliases[0].hostnames[0]"),
		bad("an address twice", template("hostAliases: [{ip: 10.1.2.3, hostnames: [a]}, {ip: 10.1.2.3, hostnames: [b]}]"), "hostAliases[1]", "Duplicate"),
		ok("32 aliases", template("hostAliases: "+list(32, "{ip: 10.0.0.N, hostnames: [n-N]}"))),
		bad("33 aliases", template("hostAliases: "+list(33, "{ip: 10.0.0.N, hostnames: [n-N]}")), "hostAliases", "32"),
		ok("DNS", template("dnsConfig: {nameservers: [10.0.0.10, 'fd00::a'], searches: [svc.cluster.local], options: [{name: timeout, value: '2'}, {name: use-vc}]}")),
		bad("a name for a name server", template("dnsConfig: {nameservers: [dns.example.com]}"), "dnsConfig.nameservers must be addresses"),
		bad("four name servers", template("dnsConfig: {nameservers: "+list(4, "10.0.0.N")+"}"), "nameservers", "3"),
		bad("nine domains", template("dnsConfig: {searches: "+list(9, "d-N")+"}"), "searches", "8"),
		bad("an option twice", template("dnsConfig: {options: [{name: a}, {name: a}]}"), "options[1]", "Duplicate"),
		bad("an option of two lines", template(`dnsConfig: {options: [{name: timeout, value: "1\nnameserver 10.0.0.1"}]}`), "options[0].value"),
		ok("the node's DNS", template("dnsPolicy: Default")),
		ok("DNS of one's own", template("dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.10]}")),
		bad("no DNS at all", template("dnsPolicy: None"), "proxy.template.dnsConfig.nameservers is needed with dnsPolicy None"),
		bad("no servers at all", template("dnsPolicy: None, dnsConfig: {searches: [a]}"), "proxy.template.dnsConfig.nameservers is needed with dnsPolicy None"),
		bad("DNS of the host's network", template("dnsPolicy: ClusterFirstWithHostNet"), "dnsPolicy"),
		ok("R13: a label of Kubernetes that is not ours", template("labels: {app.kubernetes.io/part-of: shop, app.kubernetes.io/version: v2}")),
		bad("R13: a label by which Pods are selected", template("labels: {app.kubernetes.io/name: x}"), "proxy.template.labels must not"),
		bad("R13: who manages", template("labels: {app.kubernetes.io/managed-by: x}"), "proxy.template.labels must not"),
		bad("R13: which instance", template("labels: {app.kubernetes.io/instance: x}"), "proxy.template.labels must not"),
	})
}

// Q3: a default below the items of a list makes a client-side apply of an unchanged file
// send the list for ever: core/v1's LocalObjectReference has one.
func TestQ3NoDefaultsBelowItemsOfThePodTemplate(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(), "config", "crd", "bases", "fanout.dev_fanoutroutes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}{}
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	node := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, field := range []string{"spec", "proxy", "template"} {
		properties, _ := node["properties"].(map[string]any)
		node, _ = properties[field].(map[string]any)
	}
	lists := 0
	var walk func(path string, node any, below bool)
	walk = func(path string, node any, below bool) {
		switch n := node.(type) {
		case map[string]any:
			if _, has := n["default"]; has && below {
				t.Errorf("%s has a default below the items of a list", path)
			}
			if _, has := n["items"]; has {
				lists++
			}
			for key, child := range n {
				walk(path+"."+key, child, below || key == "items")
			}
		case []any:
			for _, child := range n {
				walk(path, child, below)
			}
		}
	}
	walk("template", node, false)
	if lists < 8 {
		t.Errorf("the walk found %d lists", lists)
	}
}
