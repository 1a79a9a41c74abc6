package cli

import (
	"fmt"
	"io"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// read reads what is to be served. Routes that show a token of a service account cannot be:
// kubelets alone have such tokens.
func (r *runner) read(in io.Reader) *manifests {
	m := readManifests(r.schema, r.compile, in, *r.paths)
	for i := range m.routes {
		for _, reference := range m.routes[i].References() {
			if reference.Kind != routeconfig.KindToken {
				continue
			}
			f := m.heads[i]
			f.Field, f.Message = reference.Field, fmt.Sprintf("there is no service account outside of a cluster, and so no token for %q: show something else here", reference.Name)
			m.faults = append(m.faults, f)
		}
	}
	return m
}
