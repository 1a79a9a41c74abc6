package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// judgeSecrets judges what routes read of the Secrets that are here, by the code by which
// proxies read them. Faults name keys, and hold no value.
func (m *manifests) judgeSecrets() {
	store := creds.NewStore(creds.Options{Tree: newMemory(m.mounted)})
	for i := range m.routes {
		route := &m.routes[i]
		for _, reference := range route.References() {
			f := m.heads[i]
			f.Field = reference.Field
			switch {
			case reference.Kind == routeconfig.KindToken:
				m.judgeTokenHosts(f, route.Namespace, m.sources[i])
			case reference.Kind == routeconfig.KindSecret && m.here("Secret", route.Namespace, reference.Name):
				m.judgeSecret(f, reference.Name, store.Source(route.Namespace, &reference).Problem())
			}
		}
	}
}

func (m *manifests) judgeSecret(f Fault, name string, p *creds.Problem) {
	switch {
	case p == nil:
		return
	case p.Message != "":
		f.Message = fmt.Sprintf("Secret %q: %s", name, p.Message)
	case len(p.Keys) == 0:
		f.Message = fmt.Sprintf("Secret %q has no key that could be used here", name)
	default:
		f.Message = fmt.Sprintf("Secret %q lacks the key %s, or has an empty one", name, quoted(p.Keys))
	}
	m.faultOnce(f)
}

// judgeTokenHosts judges the Secret that says where tokens of the route's service account may
// be sent. That of a sidecar is the application's, and not known here.
func (m *manifests) judgeTokenHosts(f Fault, namespace string, route *v1alpha1.FanoutRoute) {
	name := routeconfig.TokenHosts(desired.Account(route))
	_, ok := m.mounted[namespace+"/"+name+"/"+creds.AllowedHosts]
	if ok || route.Spec.Proxy.Mode == v1alpha1.ModeSidecar || !m.here("Secret", namespace, name) {
		return
	}
	f.Message = fmt.Sprintf("Secret %q lacks the key %q, without which the token is sent nowhere", name, creds.AllowedHosts)
	m.faultOnce(f)
}

// faultOnce leaves out what several backends have in common.
func (m *manifests) faultOnce(f Fault) {
	if !slices.Contains(m.faults, f) {
		m.faults = append(m.faults, f)
	}
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(out, " and ")
}
