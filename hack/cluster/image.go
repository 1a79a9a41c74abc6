package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nameAnnotation is where containerd looks for the name of an image in an OCI layout.
const nameAnnotation = "io.containerd.image.name"

// imageSpec is an image of one layer with static programs.
type imageSpec struct {
	name, entrypoint string
	files            []string // FILE=PATH
}

// writeImage is the command image.
func writeImage(args []string) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	out := flags.String("o", "image.tar", "the OCI `tar` to write")
	spec := imageSpec{}
	flags.StringVar(&spec.name, "name", "", "the image's `name`, with its tag")
	flags.StringVar(&spec.entrypoint, "entrypoint", "", "`path` of the program to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	spec.files = flags.Args()
	if spec.name == "" || spec.entrypoint == "" || len(spec.files) == 0 {
		return errors.New(usage)
	}
	digest, err := spec.write(*out)
	if err != nil {
		return err
	}
	say("wrote %s, %s@%s", *out, spec.name, digest)
	return nil
}

// write writes an OCI layout in a tar. Neither has a time or an order that could
// differ from one run to the next.
func (s imageSpec) write(target string) (string, error) {
	layer, err := s.layer()
	if err != nil {
		return "", err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	image, err = mutate.ConfigFile(image, s.config(image))
	if err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	folder, err := os.MkdirTemp("", "image")
	if err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	defer os.RemoveAll(folder)
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	if err := path.AppendImage(image, layout.WithAnnotations(map[string]string{nameAnnotation: s.name})); err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("write image: %w", err)
	}
	return digest.String(), packFolder(folder, target)
}

func (s imageSpec) config(image v1.Image) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		config = &v1.ConfigFile{}
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = "65532:65532"
	config.Config.Entrypoint = []string{s.entrypoint}
	return config
}

func (s imageSpec) layer() (v1.Layer, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	files := slices.Clone(s.files)
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(afterEquals(a), afterEquals(b)) })
	for _, file := range files {
		source, path, ok := strings.Cut(file, "=")
		if !ok || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%q is not of the form FILE=/PATH", file)
		}
		program, err := os.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("read program: %w", err)
		}
		header := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(program)), Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("write layer: %w", err)
		}
		if _, err := w.Write(program); err != nil {
			return nil, fmt.Errorf("write layer: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	return layer, nil
}

func afterEquals(s string) string {
	_, path, _ := strings.Cut(s, "=")
	return path
}

// packFolder writes a folder into a tar, in the order of its names.
func packFolder(folder, target string) error {
	out, err := os.Create(target)
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

// loadPause loads the image that holds a Pod's namespaces.
func (c *cluster) loadPause(ctx context.Context, programs string) error {
	target := c.path("pause.tar")
	spec := imageSpec{name: pauseImage, entrypoint: "/pause", files: []string{filepath.Join(programs, "pause") + "=/pause"}}
	if _, err := spec.write(target); err != nil {
		return err
	}
	return c.load(ctx, []string{target})
}
