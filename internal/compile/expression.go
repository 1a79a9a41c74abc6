package compile

import (
	"fmt"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
)

// MaxExpressions bounds all expressions of a route together, in characters. One of the
// greatest length takes up to half a second to compile, and so a route a few.
const MaxExpressions = 32_768

// Expression is one of a route's, and where it stands. A JSON Schema is taken for one,
// since it takes time to compile, too.
type Expression struct {
	Path   *field.Path
	Source string
	Want   expression.Want
	Schema bool
}

// Checker compiles an expression as the proxy will. It returns what is wrong with it, nil
// for nothing, takes up to a second, and is safe for concurrent use.
type Checker func(Expression) *field.Error

// NewChecker returns a Checker. An error is a defect of ours.
func NewChecker() (Checker, error) {
	c, err := expression.NewCompiler()
	if err != nil {
		return nil, fmt.Errorf("set up compiler: %w", err)
	}
	return func(e Expression) *field.Error {
		if e.Schema {
			return checkSchema(&e)
		}
		if _, err := c.Compile(e.Source, e.Want); err != nil {
			return field.Invalid(e.Path, e.Source, err.Error())
		}
		return nil
	}, nil
}

// expression gathers one.
func (c *compiler) expression(path *field.Path, source v1alpha1.Expression, want expression.Want) string {
	if source != "" {
		c.expressions = append(c.expressions, Expression{Path: path, Source: string(source), Want: want})
	}
	return string(source)
}

// sumExpressions refuses more than a route may have. They are then not compiled at all.
func (c *compiler) sumExpressions() {
	total, longest, length := 0, (*field.Path)(nil), 0
	for _, e := range c.expressions {
		if e.Schema {
			continue // it has a bound of its own
		}
		n := utf8.RuneCountInString(e.Source)
		total += n
		if n > length {
			longest, length = e.Path, n
		}
	}
	if total <= MaxExpressions {
		return
	}
	c.refuse(longest, length, fmt.Sprintf("must be shorter, or others: the expressions of a route have at most %d characters together, "+
		"these have %d, and this one most of them; shorten it or make two routes", MaxExpressions, total))
	c.expressions = nil
}

// checkAll compiles all that were gathered.
func checkAll(list []Expression) (errs field.ErrorList) {
	if len(list) == 0 {
		return nil
	}
	check, err := NewChecker()
	if err != nil {
		return field.ErrorList{field.InternalError(spec(), err)}
	}
	for _, e := range list {
		if err := check(e); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
