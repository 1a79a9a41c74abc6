package rates

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// What it takes to ask who is due among 2,000 routes with two proxies each, which happens up to twenty
// times a second.
func BenchmarkLook(b *testing.B) {
	p := New(newProxies("h1"), 5*time.Second, func(types.NamespacedName) {})
	for i := range 2000 {
		name := fmt.Sprint("r", i)
		p.Set(types.NamespacedName{Namespace: "shop", Name: name}, []Target{{Name: name + "-a", URL: name + "a"}, {Name: name + "-b", URL: name + "b"}}, Want{Document: "h1"})
	}
	now := time.Now()
	p.look(now) // all are asked, and nobody has answered yet
	for b.Loop() {
		p.look(now.Add(time.Second))
	}
}
