package outgoing

import (
	"strings"
	"testing"
)

// M3: a dot segment is what some receiver takes for one.
func TestM3DotSegments(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/a/../b": true, "/..": true, "/.": true, "/a/.": true, "/./a": true, "/a/%2e%2E/b": true, "/a/.%2e": true,
		`/a/..\b`: true, `/a\..\b`: true, "/a/..%5cb": true, "/a/..%2fb": true, "/a%2f..%2fb": true, "/a%5c%2e%2e": true,
		"/..;x": true, "/..%3bx": true, "/..;a=b/c": true, "/..#x": true, "/..%23x": true, "/..%3fx": true, "/..%00": true, "/..%00.html": true,
		"/..%20/a": true, "/.%09./a": true, "/..%0d": true, "/%20..": true, "/.%7f.": true,
		"/%252e%252e/a": true, "/%25252e%25252e": true, "/%%32%65%%32e": true, "/..%255c": true, "/%252e./a": true, "/%2%65.": true,
		"/%u002e%u002e/a": true, "/..%u2215": false, "/%c0%ae%c0%ae/a": true, "/..%c0%af": true, "/%e0%80%ae.": true, "/%f0%80%80%ae.": true, "/..%c1%9ca": true,
		"/\xc0\xae.": true, "/%25c0%25ae.": true,
		"/": false, "": false, "/a..b/...": false, "/..a": false, "/a.": false, "/.well-known/x": false, "/a.b/c.d": false, "/.../x": false,
		"/%25/%252F/;p=1": false, "/a%20b": false, "/%": false, "/%zz": false, "/%2": false, "/a;..": false, "/a%3f..": false, "/\xff": false,
		"/%c3%a9.": false, "/%e2%80%a6": false, "/a#..": false, "/%u00": false, "/%f0%9f%98%80": false, "/-.-": false,
	} {
		if got := hasDotSegment(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}

// Most paths have neither dots nor escapes: nothing is made of them to look closer.
func TestPlainPathsAreNotDecoded(t *testing.T) {
	plain := strings.Repeat("/orders", 100)
	if n := testing.AllocsPerRun(10, func() { hasDotSegment(plain) }); n > 0 {
		t.Errorf("%v things are made", n)
	}
}

// M3: escapes within escapes are decoded to their end, however deep they nest.
func TestM3NestedEscapes(t *testing.T) {
	t.Parallel()
	nested := "/%" + strings.Repeat("25", 30_000) + "2e"
	if got := string(lenient(nested)); got != "/." || !hasDotSegment(nested+"/a") || hasDotSegment(nested+"x/a") {
		t.Errorf("decoded to %.20q", got)
	}
}

// M3: decoding ends, and finds what is written plainly.
func FuzzM3DotSegments(f *testing.F) {
	for _, seed := range []string{"/a", "/%2e", "/%25%32%65", "/%u002e", "/\xc0\xae", "/..;#?\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		hasDotSegment(path)
		if decoded := lenient(path); len(decoded) > len(path) {
			t.Errorf("%q grew to %q", path, decoded)
		}
		if !hasDotSegment("/x/../" + path) {
			t.Errorf("a dot segment is lost before %q", path)
		}
	})
}
