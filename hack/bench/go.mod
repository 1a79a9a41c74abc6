module github.com/fanout-operator/fanout/hack/bench

go 1.26.0
