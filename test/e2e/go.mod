// The end-to-end tests and what they run in Pods: a module of its own, so that the
// product's go.mod stays small.
module github.com/fanout-operator/fanout/test/e2e

go 1.26.0

replace github.com/fanout-operator/fanout => ../..
