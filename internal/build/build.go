// Package build knows what a program was built from.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Info is what is known of a build.
type Info struct {
	// Version is that of the module, a tag or what go build makes of a commit; (devel) where
	// it was built without either.
	Version string `json:"version"`
	// Commit and Time are those that it was built from, Changed is set where the tree had
	// changes beside. They are empty where the source was no checkout.
	Commit  string `json:"commit,omitempty"`
	Time    string `json:"time,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	// Go is the version of the compiler.
	Go string `json:"-"`
}

// Read returns that of this program.
func Read() Info {
	info, _ := debug.ReadBuildInfo() // nil where it was built without modules
	return Of(info)
}

// Of reads what the compiler has written, nil for nothing.
func Of(info *debug.BuildInfo) Info {
	b := Info{Version: "(devel)", Go: runtime.Version()}
	if info == nil {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}
