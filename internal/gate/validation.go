package gate

import (
	"errors"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/body"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// validation says which calls are well formed.
type validation struct {
	maxSize int64
	timeout time.Duration
	types   []string // lower case; any where empty
}

func newValidation(config *routeconfig.Validation) validation {
	v := validation{maxSize: config.MaxBodySize, timeout: time.Duration(config.BodyTimeout)}
	for _, t := range config.ContentTypes {
		v.types = append(v.types, strings.ToLower(t))
	}
	return v
}

// read reads the body into the call, and returns a refusal or nil. A call without
// a body passes every rule about bodies.
func (v *validation) read(w http.ResponseWriter, r *http.Request, call *fanout.Call, visit *Visit) *Refusal {
	if r.ContentLength == 0 {
		visit.Read = true
		return nil
	}
	if r.ContentLength > 0 && !v.admits(r.Header.Get("Content-Type")) {
		return unsupportedType(v.types)
	}
	control := http.NewResponseController(w)
	// Not every writer has deadlines; the server's always do.
	_ = control.SetReadDeadline(time.Now().Add(v.timeout))
	var content []byte
	var err error
	yielded := visit.Memory.Receive(
		func() { _ = control.SetReadDeadline(time.Now()) },
		func() { content, err = body.Read(r.Body, r.ContentLength, v.maxSize, visit.Memory) },
	)
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		visit.Read = true
	}
	switch {
	case err == nil:
	case yielded:
		return OutOfMemory()
	case errors.Is(err, body.ErrTooLarge):
		return tooLarge(v.maxSize)
	case errors.Is(err, memory.ErrUsedUp):
		return OutOfMemory()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return bodyTimeout(v.timeout)
	default:
		refusal := brokenBody()
		refusal.Gone = r.Context().Err() != nil
		return refusal
	}
	// A chunked body shows only now whether it has any bytes at all.
	if len(content) > 0 && !v.admits(r.Header.Get("Content-Type")) {
		return unsupportedType(v.types)
	}
	call.Body = content
	return nil
}

func (v *validation) admits(contentType string) bool {
	if len(v.types) == 0 {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains(v.types, mediaType)
}
