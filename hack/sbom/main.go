// Sbom says what programs of Go are made of, one file beside each: CycloneDX 1.6 in JSON, by
// what the linker wrote into the program, which `go version -m` shows. The same program gives
// the same bytes.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	version := flag.String("version", "", "`version` of the programs, where they know none themselves")
	folder := flag.String("o", "dist", "`folder` to write into")
	flag.Parse()
	if err := run(*folder, *version, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(folder, version string, programs []string) error {
	if len(programs) == 0 {
		return fmt.Errorf("name programs")
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, program := range programs {
		content, parts, err := describe(program, version)
		if err != nil {
			return err
		}
		target := filepath.Join(folder, filepath.Base(program)+".cdx.json")
		if err := os.WriteFile(target, content, 0o600); err != nil {
			return fmt.Errorf("write bill: %w", err)
		}
		fmt.Printf("wrote %s: %d components\n", target, parts)
	}
	return nil
}

// describe returns the bill of a program, and of how many components it speaks.
func describe(program, version string) (content []byte, parts int, err error) {
	raw, err := os.ReadFile(filepath.Clean(program))
	if err != nil {
		return nil, 0, fmt.Errorf("read program: %w", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, 0, fmt.Errorf("read what %s is made of: %w", program, err)
	}
	b, err := newBill(info, filepath.Base(program), version, sha256.Sum256(raw))
	if err != nil {
		return nil, 0, fmt.Errorf("describe %s: %w", program, err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(b); err != nil {
		return nil, 0, fmt.Errorf("encode bill: %w", err)
	}
	return out.Bytes(), len(b.Components), nil
}
