#!/usr/bin/env bash
# A vegeta Attacker attacks once: a second Attack of it yields nothing, and no error.
#
# Attack stops its Attacker when it has come to its end, and nothing starts that again. The channel of the
# second one is closed at once, without a hit, so that a table of rates measured by one Attacker has
# figures in its first row and zeros below, which read like a server that answers in no time. A new
# Attacker for each rate attacks.
#
# Seen with github.com/tsenart/vegeta/v12 v12.13.0, go1.26.8, 2026-11-28.
# Needs Go 1.26 and the Go module proxy. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'MOD'
module finding

go 1.26

require github.com/tsenart/vegeta/v12 v12.13.0
MOD

cat > main.go <<'GO'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func main() {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: server.URL})
	rate := vegeta.Rate{Freq: 20, Per: time.Second}
	attack := func(name string, a *vegeta.Attacker) {
		before, metrics := asked.Load(), vegeta.Metrics{}
		for result := range a.Attack(targeter, rate, time.Second/2, name) {
			metrics.Add(result)
		}
		metrics.Close()
		fmt.Printf("%s: %d requests, errors %v, p99 %t\n", name, asked.Load()-before, metrics.Errors, metrics.Latencies.P99 > 0)
	}
	one := vegeta.NewAttacker()
	attack("first attack", one)
	attack("second attack", one)
	attack("another attacker", vegeta.NewAttacker())
}
GO

go mod tidy > /dev/null 2>&1
go version
go run . | tee seen

cat > expected <<'OUT'
first attack: 10 requests, errors [], p99 true
second attack: 0 requests, errors [], p99 false
another attacker: 10 requests, errors [], p99 true
OUT
diff expected seen || { echo "vegeta behaves in another way now"; exit 1; }
