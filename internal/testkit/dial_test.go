package testkit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// Nobody in the data plane makes connections or looks names up beside internal/dial: what
// does is not held to its deny list and its timeouts.
func TestTheDataPlaneDialsInOnePlace(t *testing.T) {
	t.Parallel()
	packages := 0
	for name := range list(t, "./cmd/proxy") {
		folder, ours := strings.CutPrefix(name, module+"/")
		if !ours || folder == "internal/dial" {
			continue
		}
		packages++
		files, err := filepath.Glob(filepath.Join(testkit.Root(), folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no files: %v", folder, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, way := range waysOut(t, file, nil) {
				t.Error(way)
			}
		}
	}
	if packages < 10 {
		t.Fatalf("%d packages were read", packages)
	}
}

// The test above would notice each of these.
func TestWaysOutAreSeen(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`net.Dial("tcp", "a:1")`, `net.DialTimeout("tcp", "a:1", 0)`, `(&net.Dialer{}).Dial("tcp", "a:1")`, `net.DefaultResolver.LookupHost(nil, "a")`,
		`net.LookupHost("a")`, `net.ResolveTCPAddr("tcp", "a:1")`, `tls.Dial("tcp", "a:1", nil)`, `tls.Client(nil, nil)`,
		`http.Get("http://a")`, `http.DefaultClient.Get("http://a")`, `http.DefaultTransport.RoundTrip(nil)`,
		`use(http.Client{})`, `use(&http.Transport{IdleConnTimeout: 1})`, `use(new(http.Client))`, `use(new(http.Transport))`, `use(http.Transport{DialContext: nil, DialTLSContext: nil, Proxy: nil})`,
	} {
		source := "package p\nimport (\"crypto/tls\"; \"net\"; \"net/http\")\nfunc f() { " + code + " }\n"
		if len(waysOut(t, "p.go", []byte(source))) == 0 {
			t.Errorf("%s is not seen", code)
		}
	}
	for _, code := range []string{`net.Listen("tcp", ":1")`, `use(http.Transport{DialContext: nil})`, `use(&http.Client{Transport: nil})`, `use(func(*http.Client, *http.Transport, net.Conn) {})`} {
		source := "package p\nimport (\"net\"; \"net/http\")\nfunc f() { " + code + " }\n"
		if ways := waysOut(t, "p.go", []byte(source)); len(ways) > 0 {
			t.Errorf("%s: %q", code, ways)
		}
	}
}

// waysOut are the places of a file that could reach another machine by themselves. A client
// or transport of net/http may be there if it is told how to connect.
func waysOut(t *testing.T, name string, source any) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imported := importsOf(t, file)
	tell := func(node ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s: %s", files.Position(node.Pos()), what))
	}
	fine := map[ast.Node]bool{} // types that are told how to connect, or only named
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.StarExpr:
			fine[n.X] = true
		case *ast.CompositeLit:
			fine[n.Type] = connected(n, imported.name(n.Type))
		case *ast.SelectorExpr:
			if what := imported.name(n); !fine[n] && reaches(what) {
				tell(n, what)
			}
		}
		return true
	})
	return found
}

// connected reports whether a literal of a client or transport says how it connects.
func connected(literal *ast.CompositeLit, name string) bool {
	var keys []string
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok {
				keys = append(keys, key.Name)
			}
		}
	}
	switch name {
	case "net/http.Client":
		return slices.Contains(keys, "Transport")
	case "net/http.Transport":
		return slices.Contains(keys, "DialContext") && !slices.Contains(keys, "Proxy") && !slices.Contains(keys, "DialTLSContext")
	}
	return false
}

// reaches reports whether what a package exports can reach another machine.
func reaches(name string) bool {
	for _, prefix := range []string{"net.Dial", "net.Lookup", "net.Resolve", "net.DefaultResolver", "crypto/tls.Dial", "crypto/tls.Client", "net/http.Default"} {
		if strings.HasPrefix(name, prefix) && name != "crypto/tls.ClientHelloInfo" && !strings.HasPrefix(name, "crypto/tls.ClientAuth") {
			return true
		}
	}
	return slices.Contains([]string{"net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm", "net/http.Client", "net/http.Transport"}, name)
}

// imports are the paths of a file's imports, by the name they have there.
type imports map[string]string

func importsOf(t *testing.T, file *ast.File) imports {
	t.Helper()
	all := imports{}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all[name] = path
	}
	return all
}

// name is the path and the name of what an expression selects of a package, or nothing.
func (i imports) name(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := selector.X.(*ast.Ident); ok && i[of.Name] != "" {
		return i[of.Name] + "." + selector.Sel.Name
	}
	return ""
}
