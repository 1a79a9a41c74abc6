package compile

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	defaultSize = 1 << 20
	maxSize     = 64 << 20
)

// size reads a number of bytes from 0 to 64Mi. Absent ones are 1Mi.
func (c *compiler) size(path *field.Path, q *resource.Quantity) int64 {
	if q == nil {
		return defaultSize
	}
	n, exact := q.AsInt64()
	if !exact {
		n = int64(math.Ceil(q.AsApproximateFloat64()))
	}
	if n < 0 || n > maxSize {
		c.refuse(path, q.String(), "must be between 0 and 64Mi")
		return n
	}
	c.whole(path, *q)
	return n
}

// whole refuses fractions of a byte: m is a thousandth, and nearly always meant as Mi.
// Kubernetes takes them for Pods with a mere warning, and rounds up.
func (c *compiler) whole(path *field.Path, q resource.Quantity) {
	up := q.Value()
	if resource.NewQuantity(up, resource.DecimalSI).Cmp(q) == 0 {
		return
	}
	write, text := strconv.FormatInt(up, 10), q.String()
	if number, isMilli := strings.CutSuffix(text, "m"); isMilli && up < 1024 {
		write = number + "Mi"
	}
	bytes := strings.TrimRight(q.AsDec().String(), "0")
	c.refuse(path, text, fmt.Sprintf("must be a whole number of bytes: %s is %s bytes; write %s", text, bytes, write))
}

// resources checks what of the proxies' resources is counted in bytes.
func (c *compiler) resources() {
	r, path := &c.route.Spec.Proxy.Resources, spec().Child("proxy", "resources")
	c.amounts(path.Child("requests"), r.Requests)
	c.amounts(path.Child("limits"), r.Limits)
}

func (c *compiler) amounts(path *field.Path, list corev1.ResourceList) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			c.whole(path.Key(string(name)), list[name])
		}
	}
}
