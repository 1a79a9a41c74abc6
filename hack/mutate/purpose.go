package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"unicode"
)

// purpose says what a body does that would be missed, by what of it comes first: it
// returns, it cancels or releases something, it counts. It is empty for a body that only
// computes.
func purpose(body *ast.BlockStmt) string {
	found := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit: // what it does is done by who calls it
			return false
		case *ast.ReturnStmt:
			found["returns"] = true
		case *ast.IncDecStmt:
			found["counts"] = true
		case *ast.AssignStmt:
			found["counts"] = found["counts"] || n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN
		case *ast.CallExpr:
			found[does(called(n))] = true
		}
		return true
	})
	for _, word := range []string{"returns", "cancels", "releases", "counts"} {
		if found[word] {
			return word
		}
	}
	return ""
}

// called is the name of the function that is called, without what it belongs to.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.IndexExpr: // cancels[i](cause)
		return printed(token.NewFileSet(), f.X)
	}
	return ""
}

// does tells by the first word of a function's name what calling it does.
func does(name string) string {
	switch word := firstWord(name); {
	case slices.Contains(cancelling(), word):
		return "cancels"
	case slices.Contains(releasing(), word):
		return "releases"
	case slices.Contains(counting(), word):
		return "counts"
	}
	return ""
}

func firstWord(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			name = name[:i]
			break
		}
	}
	return strings.ToLower(name)
}

// cancelling are verbs by which something that is under way is ended.
func cancelling() []string {
	return []string{"abandon", "abort", "cancel", "cancels", "end", "interrupt", "kill", "stop", "withdraw"}
}

// releasing are verbs by which something that was taken is given back.
func releasing() []string {
	return []string{
		"clear", "close", "delete", "discard", "done", "drop", "forget", "free", "give", "leave", "put", "release",
		"reset", "retract", "return", "undo", "unlimit", "unlock",
	}
}

// counting are verbs by which something is added up.
func counting() []string {
	return []string{"add", "count", "first", "inc", "observe", "record", "refuse", "report", "spend", "take", "took"}
}
