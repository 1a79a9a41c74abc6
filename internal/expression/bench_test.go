package expression

import (
	"strings"
	"testing"
)

func BenchmarkExpressions(b *testing.B) {
	c := compiler(b)
	large := `{"items":[` + strings.Repeat(`{"id":1.5,"n":2},`, 999) + `{"id":1.5,"n":2}],"region":"eu"}`
	for _, row := range []struct{ name, source, body string }{
		{"when", `request.body.region == 'eu'`, body},
		{"header", `request.method in ['POST', 'PUT'] && request.headers[?'x-tenant'].orValue('') != ''`, body},
		{"map of 1000", `request.body.items.map(i, {'id': i.id})`, large},
		{"filter of 1000", `request.body.items.filter(i, i.n > 1 && i.id < 2.0)`, large},
	} {
		p, err := c.Compile(row.source, JSON)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.JSON(b.Context(), input(row.body), &counter{limit: 1 << 40}, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
