// Package crd holds the CustomResourceDefinition, generated from api/v1alpha1.
package crd

import _ "embed"

//go:embed bases/fanout.dev_fanoutroutes.yaml
var fanoutRoutes []byte

// FanoutRoutes returns the CustomResourceDefinition as YAML.
func FanoutRoutes() []byte { return fanoutRoutes }
