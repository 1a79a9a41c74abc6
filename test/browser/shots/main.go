// Shots writes the pictures of the page that README and docs show.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"

	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/test/browser/stage"
)

// maxBytes is what a picture may have: the repository keeps them.
const maxBytes = 200 << 10

func main() {
	if err := run("../../docs/operations/pictures"); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	browser, stop, err := stage.Start(1280, 900)
	if err != nil {
		return err
	}
	defer stop()
	for _, scheme := range []string{"light", "dark"} {
		server, err := serve()
		if err != nil {
			return err
		}
		defer server.Close()
		tab, _, end, err := stage.Open(browser, server.URL, scheme)
		if err != nil {
			return err
		}
		defer end()
		if err := shootAll(tab, scheme, folder); err != nil {
			return err
		}
	}
	return nil
}

func serve() (*httptest.Server, error) {
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("find the port of the page: %w", err)
	}
	server.Config.Handler = dashboard.New(dashboard.Options{Source: &stage.Source{Routes: 24, Course: true}, Hosts: dashboard.LoopbackHosts(port)})
	server.Start()
	return server, nil
}

// whole is when the course of the last ten minutes begins at the left of its drawing, and has no
// gap since then.
const whole = "[...document.querySelectorAll('.course .line')].every((p) => parseFloat(p.getAttribute('d').slice(1)) < 5 && p.getAttribute('d').split('M').length == 2)"

func shootAll(tab *stage.Tab, scheme, folder string) error {
	if err := shoot(tab, "#/", "document.querySelectorAll('tbody tr').length == 24", 620, filepath.Join(folder, "routes-"+scheme+".png")); err != nil {
		return fmt.Errorf("shoot routes: %w", err)
	}
	if err := tab.Go("#/routes/shop/orders"); err != nil {
		return err
	}
	if err := tab.Hurry(20); err != nil {
		return err
	}
	if err := tab.Await("document.querySelector('.course') && " + whole); err != nil {
		return err
	}
	if err := tab.Hurry(1); err != nil {
		return err
	}
	if err := shoot(tab, "#/routes/shop/orders", "document.querySelector('.picture svg .decided') && document.querySelector('.lanes').innerText.includes('131 of 200 tokens')", 1290, filepath.Join(folder, "route-"+scheme+".png")); err != nil {
		return fmt.Errorf("shoot route: %w", err)
	}
	return nil
}

func shoot(tab *stage.Tab, fragment, ready string, height int64, file string) error {
	if err := tab.Resize(1280, height); err != nil {
		return fmt.Errorf("resize: %w", err)
	}
	if err := tab.Go(fragment); err != nil {
		return err
	}
	if err := tab.Await(ready + " && document.getElementById('fresh').dataset.state == 'live'"); err != nil {
		return err
	}
	raw, err := tab.Shot()
	if err != nil {
		return fmt.Errorf("take the picture: %w", err)
	}
	small, err := reduced(raw)
	if err != nil {
		return err
	}
	if len(small) > maxBytes {
		return fmt.Errorf("%s has %d bytes, more than %d", file, len(small), maxBytes)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(file, small, 0o600); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	fmt.Printf("%s: %d bytes\n", file, len(small))
	return nil
}

// reduced is a picture in the 256 colours that it has most of.
func reduced(raw []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("decode picture: %w", err)
	}
	bounds, counts := full.Bounds(), map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(full.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	colours := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int {
		return 1024*(counts[b]-counts[a]) + int(a.R) - int(b.R) + 4*(int(a.G)-int(b.G))
	})
	palette := make(color.Palette, 0, 256)
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c)) //nolint:gosec // there are 256
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, out); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return small.Bytes(), nil
}
