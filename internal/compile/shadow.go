package compile

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) shadow(path *field.Path, s *v1alpha1.Shadow) *routeconfig.Shadow {
	if s == nil {
		return nil
	}
	return &routeconfig.Shadow{
		Percent:      int(or(s.Percent, 100)),
		Compare:      string(or(s.Compare, v1alpha1.CompareNone)),
		Reference:    c.reference(path.Child("reference"), s.Reference),
		IgnoredPaths: texts(s.IgnoredPaths),
	}
}

// reference is the backend that a shadow is compared with.
func (c *compiler) reference(path *field.Path, name v1alpha1.BackendName) int {
	backends := c.route.Spec.Backends
	if name == "" {
		if p := c.route.Spec.Response.Primary; p != nil {
			name = p.Backend
		} else {
			return max(slices.IndexFunc(backends, func(b v1alpha1.Backend) bool { return b.Shadow == nil }), 0)
		}
	}
	i := c.backendIndex(path, name)
	if backends[i].Shadow != nil {
		c.refuse(path, string(name), "must name a backend that is no shadow itself")
	}
	return i
}
