package compile

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// receivers are the one list of the spec, as the two of the document.
func (c *compiler) receivers() (backends []routeconfig.Backend, shadows []routeconfig.Shadow) {
	for i := range c.route.Spec.Backends {
		b, compiled := &c.route.Spec.Backends[i], c.backend(i)
		if b.Shadow == nil {
			backends = append(backends, compiled)
			continue
		}
		path := spec().Child("backends").Index(i).Child("shadow")
		shadows = append(shadows, c.shadow(path, b.Shadow, compiled))
	}
	return backends, shadows
}

func (c *compiler) shadow(path *field.Path, s *v1alpha1.Shadow, b routeconfig.Backend) routeconfig.Shadow {
	return routeconfig.Shadow{
		Backend:      b,
		Percent:      int(cmp.Or(s.Percent, 100)),
		Compare:      string(cmp.Or(s.Compare, v1alpha1.CompareNone)),
		Reference:    c.reference(path.Child("reference"), s.Reference),
		IgnoredPaths: texts(s.IgnoredPaths),
	}
}

// reference is the backend that a shadow is compared with, by its place in the document:
// that of Primary where the shadow names none, else the first.
func (c *compiler) reference(path *field.Path, name v1alpha1.BackendName) int {
	switch p := c.route.Spec.Response.Primary; {
	case name != "":
		return c.place(path, name)
	case p != nil:
		return c.place(path, p.Backend)
	}
	return 0
}

// place is that which a backend, named by the spec, has in the document.
func (c *compiler) place(path *field.Path, name v1alpha1.BackendName) int {
	place := 0
	for i := range c.route.Spec.Backends {
		switch b := &c.route.Spec.Backends[i]; {
		case b.Shadow == nil && b.Name == name:
			return place
		case b.Shadow == nil:
			place++
		case b.Name == name:
			c.refuse(path, string(name), "must name a backend that is no shadow itself")
			return 0
		}
	}
	c.refuse(path, string(name), "must name a backend of this route")
	return 0
}
