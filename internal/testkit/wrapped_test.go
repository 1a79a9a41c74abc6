package testkit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// R4: no error wraps one that may be nil: "write status: %!w(<nil>)" was an error of a pass
// that had found nothing wrong. What is wrapped is made on the spot, is a named error of a
// package, or stands where it was found not to be nil.
func TestR4NothingWrapsWhatMayBeNil(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{ // what is known not to be nil by a look at another function
		"internal/backend/repeated.go: errors.Join(err, ctx.Err())": "sleep is cut short by the end of the context alone",
		"internal/body/decode.go: err":                              "explain is asked for what went wrong",
		"internal/proxy/ports.go: syscall.EADDRINUSE":               "a constant",
		"internal/expression/meter.go: context.Cause(ctx)":          "errEnded is what a meter says once the context has ended",
	}
	wrapped := 0
	err := filepath.WalkDir(testkit.Root(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != testkit.Root() || d.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		n, faults := unguarded(file)
		wrapped += n
		within, err := filepath.Rel(testkit.Root(), path)
		if err != nil {
			return err
		}
		for _, f := range faults {
			id := filepath.ToSlash(within) + ": " + text(f)
			if elsewhere[id] != "" {
				delete(elsewhere, id)
				continue
			}
			t.Errorf("%s: %s may be nil where it is wrapped: check it before, in the same function", files.Position(f.Pos()), text(f))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id := range elsewhere {
		t.Errorf("%s is wrapped no more, or checked: take it off the list", id)
	}
	if wrapped < 250 {
		t.Errorf("%d errors are wrapped in all files, want at least 250: where are they?", wrapped)
	}
}

// The walk itself: each body is that of a function with an error err and a context ctx.
func TestR4WhatMayBeNilIsFound(t *testing.T) {
	t.Parallel()
	for body, fault := range map[string]bool{
		`if err := write(); err != nil { return fmt.Errorf("write: %w", err) }`:                                   false,
		`if err := write(); err != nil { return fmt.Errorf("write: %w", client.IgnoreNotFound(err)) }`:            true,
		`if err := write(); client.IgnoreNotFound(err) != nil { return fmt.Errorf("write: %w", err) }`:            false,
		`return fmt.Errorf("write: %w", err)`:                                                                     true,
		`return fmt.Errorf("write: %w", write())`:                                                                 true,
		`if err == nil { return nil }; return fmt.Errorf("write %d %%: %w", 1, err)`:                              false,
		`if err == nil { log() }; return fmt.Errorf("write: %w", err)`:                                            true,
		`if err == nil || done { return nil }; return fmt.Errorf("write: %w", err)`:                               false,
		`if err == nil && done { return nil }; return fmt.Errorf("write: %w", err)`:                               true,
		`if err != nil || done { return fmt.Errorf("write: %w", err) }`:                                           true,
		`if err != nil && done { return fmt.Errorf("write: %w", err) }`:                                           false,
		`if err != nil { err = again(); return fmt.Errorf("write: %w", err) }`:                                    true,
		`if err != nil { if err = again(); err != nil { return fmt.Errorf("write: %w", err) } }`:                  false,
		`if err == nil { return nil } else { return fmt.Errorf("write: %w", err) }`:                               false,
		`if err != nil { return nil } else { return fmt.Errorf("write: %w", err) }`:                               true,
		`switch { case gone(err): return nil; case err != nil: return fmt.Errorf("write: %w", err) }`:             false,
		`switch { case err == nil: return nil; default: return fmt.Errorf("write: %w", err) }`:                    false,
		`switch { case gone(err): return nil; default: return fmt.Errorf("write: %w", err) }`:                     true,
		`switch { case gone(err): return nil; case err == nil: return nil }; return fmt.Errorf("write: %w", err)`: false,
		`switch { case gone(err): return nil; case err == nil: log() }; return fmt.Errorf("write: %w", err)`:      true,
		`if errors.Is(err, io.EOF) { return fmt.Errorf("write: %w", err) }`:                                       false,
		`return fmt.Errorf("write: %w", io.ErrUnexpectedEOF)`:                                                     false,
		`return fmt.Errorf("write: %w: %w", ErrGone, context.Cause(ctx))`:                                         true,
		`if ctx.Err() != nil { return fmt.Errorf("write: %w", ctx.Err()) }`:                                       false,
		`<-ctx.Done(); return fmt.Errorf("write: %w", ctx.Err())`:                                                 false,
		`select { case <-ctx.Done(): return fmt.Errorf("write: %w", context.Cause(ctx)); case <-other: }`:         false,
		`select { case <-other: return fmt.Errorf("write: %w", ctx.Err()) }`:                                      true,
		`if err != nil { return fmt.Errorf("write: %w", errors.Join(err, closed)) }`:                              false,
		`return fmt.Errorf("write: %w", errors.Join(err, closed))`:                                                true,
		`return fmt.Errorf("write: %w", &Fault{})`:                                                                false,
		`if err != nil { defer func() { err = fmt.Errorf("write: %w", err) }() }`:                                 true,
		`defer func() { if err != nil { err = fmt.Errorf("write: %w", err) } }()`:                                 false,
		`for { if err == nil { continue }; return fmt.Errorf("write: %w", err) }`:                                 false,
		`err = errors.New("a"); return fmt.Errorf("write: %w", err)`:                                              false,
		`if err == nil { err = io.EOF }; return fmt.Errorf("write: %w", err)`:                                     false,
		`if errs == nil { return nil }; err = errs[0]; return fmt.Errorf("write: %w", err)`:                       true,
		`if err == nil { return nil }; for { err = next(); log(); return fmt.Errorf("write: %w", err) }`:          true,
		`if fault := read(); fault != nil { return fmt.Errorf("read %s"+": %w", name, fault) }`:                   false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", "package a\nfunc f(ctx context.Context) (err error) {\n"+body+"\n}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if n, faults := unguarded(file); n == 0 || (len(faults) > 0) != fault {
			t.Errorf("%s: %d faults of %d, want any: %t", body, len(faults), n, fault)
		}
	}
}

// unguarded are the arguments for %w in a file that may be nil, and how many there are of all.
func unguarded(file *ast.File) (wrapped int, faults []ast.Expr) {
	var above []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		if call, ok := n.(*ast.CallExpr); ok && text(call.Fun) == "fmt.Errorf" {
			for _, arg := range wraps(call) {
				wrapped++
				if !certain(arg, call, above) {
					faults = append(faults, arg)
				}
			}
		}
		above = append(above, n)
		return true
	})
	return wrapped, faults
}

// wraps are the arguments of a call that stand for %w.
func wraps(call *ast.CallExpr) (list []ast.Expr) {
	next := 1
	for format := literal(call.Args[0]); ; {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return list
		}
		verb := strings.TrimLeft(rest, "+-# 0123456789.")
		if verb == "" || next >= len(call.Args) {
			return list
		}
		switch verb[0] {
		case 'w':
			list = append(list, call.Args[next])
			next++
		case '%':
		default:
			next++
		}
		format = verb[1:]
	}
}

// literal is the text of a constant format; of what is added to it, the parts that are.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

// certain reports whether an error is not nil at a place, given by the nodes above it.
func certain(e ast.Expr, at ast.Node, above []ast.Node) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return certain(e.X, at, above)
	case *ast.UnaryExpr, *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		switch text(e.Fun) {
		case "errors.New", "fmt.Errorf":
			return true
		case "errors.Join":
			if slices.ContainsFunc(e.Args, func(a ast.Expr) bool { return certain(a, at, above) }) {
				return true
			}
		}
	case *ast.Ident, *ast.SelectorExpr:
		if named(text(e)) {
			return true
		}
	}
	return found(text(e), at, above)
}

// named reports whether an error is one of a package's own, such as io.EOF or ErrClosed.
func named(name string) bool {
	of, last, selected := strings.Cut(name, ".")
	if !selected {
		last = of
	}
	if strings.Contains(last, ".") {
		return false
	}
	rest, ok := strings.CutPrefix(strings.ToLower(last[:1])+last[1:], "err")
	return ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' ||
		slices.Contains([]string{"io.EOF", "context.Canceled", "context.DeadlineExceeded"}, name)
}

// found reports whether the place is reached only where the error was found not to be nil,
// within its function, with nothing assigned to it since.
func found(name string, at ast.Node, above []ast.Node) bool {
	child := at
	for _, parent := range slices.Backward(above) {
		switch p := parent.(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return false
		case *ast.IfStmt:
			if child == ast.Node(p.Body) && holds(p.Cond, name) || child == p.Else && fails(p.Cond, name) {
				return !assigned(child, name, at)
			}
		case *ast.BlockStmt:
			if decided, ok := before(p.List, child, name); decided {
				return ok
			}
		case *ast.CaseClause:
			if decided, ok := before(p.Body, child, name); decided {
				return ok
			}
			if slices.ContainsFunc(p.List, func(c ast.Expr) bool { return len(p.List) == 1 && holds(c, name) }) || ruledOut(p, above, name) {
				return true
			}
		case *ast.CommClause:
			if decided, ok := before(p.Body, child, name); decided {
				return ok
			}
			if s, isReceive := p.Comm.(*ast.ExprStmt); isReceive && ended(s, name) {
				return true
			}
		}
		child = parent
	}
	return false
}

// before looks at the statements that come before one, the nearest first: decided is false
// where they have nothing to do with the error.
func before(list []ast.Stmt, child ast.Node, name string) (decided, ok bool) {
	i := slices.IndexFunc(list, func(s ast.Stmt) bool { return ast.Node(s) == child })
	for _, s := range slices.Backward(list[:max(i, 0)]) {
		switch s := s.(type) {
		case *ast.CaseClause, *ast.CommClause:
			continue // another way than that of the child
		case *ast.AssignStmt:
			for j, left := range s.Lhs {
				if text(left) == name {
					return true, len(s.Lhs) == len(s.Rhs) && certain(s.Rhs[j], s, nil)
				}
			}
			continue
		case *ast.ExprStmt:
			if ended(s, name) {
				return true, true
			}
			continue
		case *ast.SwitchStmt:
			if s.Tag == nil && !assigned(s, name, nil) && slices.ContainsFunc(s.Body.List, func(c ast.Stmt) bool {
				of, ok := c.(*ast.CaseClause)
				return ok && leaves(of.Body) && slices.ContainsFunc(of.List, func(e ast.Expr) bool { return fails(e, name) })
			}) {
				return true, true
			}
		case *ast.IfStmt:
			if s.Else == nil && fails(s.Cond, name) && (leaves(s.Body.List) || sets(s.Body, name)) {
				return true, true
			}
		}
		if assigned(s, name, nil) {
			return true, false
		}
	}
	return false, false
}

// ended reports whether a statement waits for the end of a context that the error is that of.
func ended(s *ast.ExprStmt, name string) bool {
	receive, ok := s.X.(*ast.UnaryExpr)
	if !ok || receive.Op != token.ARROW {
		return false
	}
	ctx, isDone := strings.CutSuffix(text(receive.X), ".Done()")
	return isDone && (name == ctx+".Err()" || name == "context.Cause("+ctx+")")
}

// ruledOut reports whether an earlier case of the same switch is that of no error.
func ruledOut(clause *ast.CaseClause, above []ast.Node, name string) bool {
	for _, n := range slices.Backward(above) {
		s, ok := n.(*ast.SwitchStmt)
		if !ok || !slices.Contains(s.Body.List, ast.Stmt(clause)) {
			continue
		}
		for _, c := range s.Body.List {
			if c == ast.Stmt(clause) {
				return false
			}
			if earlier, ok := c.(*ast.CaseClause); ok && s.Tag == nil && slices.ContainsFunc(earlier.List, func(c ast.Expr) bool { return fails(c, name) }) {
				return true
			}
		}
	}
	return false
}

// holds reports whether the error is not nil where a condition is true.
func holds(cond ast.Expr, name string) bool {
	switch c := cond.(type) {
	case *ast.ParenExpr:
		return holds(c.X, name)
	case *ast.UnaryExpr:
		return c.Op == token.NOT && fails(c.X, name)
	case *ast.BinaryExpr:
		switch c.Op {
		case token.LAND:
			return holds(c.X, name) || holds(c.Y, name)
		case token.LOR:
			return holds(c.X, name) && holds(c.Y, name)
		case token.NEQ:
			return (text(c.Y) == "nil" || text(c.Y) == "0") && (text(c.X) == name || strings.HasSuffix(text(c.X), ".IgnoreNotFound("+name+")"))
		}
	case *ast.CallExpr:
		return slices.Contains([]string{"errors.Is", "errors.As"}, text(c.Fun)) && text(c.Args[0]) == name
	}
	return false
}

// fails reports whether the error is not nil where a condition is false.
func fails(cond ast.Expr, name string) bool {
	switch c := cond.(type) {
	case *ast.ParenExpr:
		return fails(c.X, name)
	case *ast.UnaryExpr:
		return c.Op == token.NOT && holds(c.X, name)
	case *ast.BinaryExpr:
		switch c.Op {
		case token.LOR:
			return fails(c.X, name) || fails(c.Y, name)
		case token.LAND:
			return fails(c.X, name) && fails(c.Y, name)
		case token.EQL:
			return (text(c.Y) == "nil" || text(c.Y) == "0") && text(c.X) == name
		}
	}
	return false
}

// leaves reports whether the end of some statements is not reached.
func leaves(list []ast.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	switch list[len(list)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

// sets reports whether a block ends with an error where there was none.
func sets(b *ast.BlockStmt, name string) bool {
	if len(b.List) == 0 {
		return false
	}
	s, ok := b.List[len(b.List)-1].(*ast.AssignStmt)
	return ok && len(s.Lhs) == 1 && text(s.Lhs[0]) == name && certain(s.Rhs[0], s, nil)
}

// assigned reports whether anything is assigned to an error in a node, before a place in it.
func assigned(in ast.Node, name string, at ast.Node) (yes bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		if s, ok := n.(*ast.AssignStmt); ok && (at == nil || s.End() < at.Pos()) {
			yes = yes || s.Tok == token.ASSIGN && slices.ContainsFunc(s.Lhs, func(left ast.Expr) bool { return text(left) == name })
		}
		return !yes
	})
	return yes
}

// text is how an expression is written.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.BasicLit:
		return e.Value
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		var args []string
		for _, a := range e.Args {
			args = append(args, text(a))
		}
		return text(e.Fun) + "(" + strings.Join(args, ", ") + ")"
	case *ast.IndexExpr:
		return text(e.X) + "[" + text(e.Index) + "]"
	}
	return fmt.Sprintf("%T@%d", e, e.Pos())
}
