// Source is what Flux reads in the tests: a registry on port 5000 that keeps its images in
// memory. Port 9000 takes the folder of the next revision, a tar of it that is packed by
// gzip, and answers with the digest by which Flux will name it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxRevision bounds a revision: manifests are kilobytes.
const maxRevision = 8 << 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	control := http.NewServeMux()
	control.HandleFunc("PUT /revisions/{name}", put)
	control.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	failed := make(chan error, 2)
	for _, s := range []*http.Server{
		{Addr: ":5000", Handler: registry.New(), ReadHeaderTimeout: 10 * time.Second},
		{Addr: ":9000", Handler: control, ReadHeaderTimeout: 10 * time.Second},
	} {
		go func() { failed <- s.ListenAndServe() }()
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		fmt.Fprintln(os.Stderr, "source:", err)
		os.Exit(1)
	}
}

func put(w http.ResponseWriter, r *http.Request) {
	digest, err := push(r.Context(), r.PathValue("name"), http.MaxBytesReader(w, r.Body, maxRevision))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprint(w, digest)
}

// push makes an image of a revision, tagged latest.
func push(ctx context.Context, repository string, revision io.Reader) (string, error) {
	content, err := io.ReadAll(revision)
	if err != nil {
		return "", fmt.Errorf("read revision: %w", err)
	}
	tag, err := name.NewTag("127.0.0.1:5000/"+repository+":latest", name.Insecure)
	if err != nil {
		return "", fmt.Errorf("name revision: %w", err)
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(content, types.OCILayer))
	if err != nil {
		return "", fmt.Errorf("make image: %w", err)
	}
	digest, err := image.Digest()
	if err := errors.Join(err, remote.Write(tag, image, remote.WithContext(ctx))); err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	return digest.String(), nil
}
