package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// guard is one if that may be dropped.
type guard struct {
	// file is the path below the root of the module, and name what the guard is called in
	// reports and in the list of those that are explained: file, function and condition.
	file, name string
	does       string // what its body does that is missed: "returns", "releases" …
	line       int
	source     []byte // the whole file
	// from and to are where the condition begins and ends in the file, in bytes.
	from, to int
}

// folder is the package that the guard is in, as the go command wants it.
func (g *guard) folder() string { return "./" + filepath.ToSlash(filepath.Dir(g.file)) }

// dropped is the file without the guard: its condition is evaluated, and its body never
// runs. No line moves, no variable becomes unused, and what else the condition does is
// done, so that it is the guard alone that is missing.
func (g *guard) dropped() []byte {
	return slices.Concat(g.source[:g.from], []byte("("), g.source[g.from:g.to], []byte(") && false"), g.source[g.to:])
}

// guardsOf finds the guards of a package, in the order of files and lines. Files that the
// package is not built of here, and tests, are left out.
func guardsOf(root, folder string) ([]guard, error) {
	pkg, err := build.ImportDir(filepath.Join(root, folder), 0)
	if err != nil {
		return nil, fmt.Errorf("find package %q: %w", folder, err)
	}
	var list []guard
	for _, name := range pkg.GoFiles {
		file := filepath.ToSlash(filepath.Join(folder, name))
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		found, err := guardsIn(file, source)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// guardsIn finds those of one file. Where a function asks the same twice, the second is
// told by a number.
func guardsIn(file string, source []byte) ([]guard, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse source: %w", err)
	}
	var list []guard
	seen := map[string]int{}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if i, ok := n.(*ast.IfStmt); ok {
				if does := purpose(i.Body); does != "" {
					g := guard{file: file, source: source, does: does, line: set.Position(i.Pos()).Line}
					g.from, g.to = set.Position(i.Cond.Pos()).Offset, set.Position(i.Cond.End()).Offset
					g.name = fmt.Sprintf("%s %s: %s", file, function(f), condition(set, i))
					if seen[g.name]++; seen[g.name] > 1 {
						g.name += fmt.Sprintf(" #%d", seen[g.name])
					}
					list = append(list, g)
				}
			}
			return true
		})
	}
	return list, nil
}

// function is what a function is called: with the type of its receiver, if it has one.
func function(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}

// condition is all that stands between if and its body, in one line.
func condition(set *token.FileSet, i *ast.IfStmt) string {
	text := printed(set, i.Cond)
	if i.Init != nil {
		text = printed(set, i.Init) + "; " + text
	}
	return text
}

func printed(set *token.FileSet, n ast.Node) string {
	var out bytes.Buffer
	_ = printer.Fprint(&out, set, n) // what was parsed can be printed, and a buffer written to
	return strings.Join(strings.Fields(out.String()), " ")
}
