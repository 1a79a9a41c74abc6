package compile

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
)

// expression checks one as the proxy will compile it.
func (c *compiler) expression(path *field.Path, source v1alpha1.Expression, want expression.Want) string {
	if source == "" {
		return ""
	}
	if c.expressions == nil {
		compiler, err := expression.NewCompiler()
		if err != nil {
			c.errs = append(c.errs, field.InternalError(path, err))
			return ""
		}
		c.expressions = compiler
	}
	if _, err := c.expressions.Compile(string(source), want); err != nil {
		c.refuse(path, string(source), err.Error())
	}
	return string(source)
}
