package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"faasd/internal/registry"
)

// Problem is an answer that is an error, as RFC 9457 has it. It unwraps to the
// error of internal/registry that it stands for, and to a *StartError if it was
// one.
type Problem struct {
	Type     string         `json:"type"` // urn:faasd:problem:… is stable: programs may act on it
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"` // what failed, on what, what to do
	Limit    int64          `json:"limit_bytes,omitempty"`
	Version  uint32         `json:"version,omitempty"`  // that does not start
	Previous uint32         `json:"previous,omitempty"` // that stays
	Failures []StartFailure `json:"failures,omitempty"` // why

	function string // that was asked for; only the client knows
}

const typePrefix = "urn:faasd:problem:"

// problemKinds are what errors of internal/registry become.
var problemKinds = []struct {
	err    error
	kind   string
	status int
	title  string
}{
	{registry.ErrNoFunction, "unknown-function", http.StatusNotFound, "Unknown function"},
	{registry.ErrNoVersion, "unknown-version", http.StatusNotFound, "Unknown version"},
	{registry.ErrBusy, "deploy-under-way", http.StatusConflict, "Another change of the function is under way"},
	{registry.ErrTooLarge, "package-too-large", http.StatusRequestEntityTooLarge, "The package is too large"},
	{registry.ErrManifest, "invalid-manifest", http.StatusUnprocessableEntity, "The function cannot be deployed like that"},
	{registry.ErrPackage, "broken-package", http.StatusUnprocessableEntity, "The package cannot be used"},
	{registry.ErrCorrupt, "corrupt-package", http.StatusUnprocessableEntity, "The package is not what its digest says"},
	{ErrOtherStore, "other-store", http.StatusConflict, "Another frontend has another store"},
	{ErrUnheard, "no-queue", http.StatusServiceUnavailable, "No queue is heard"},
	{registry.ErrFull, "disk-full", http.StatusInsufficientStorage, "The disk is full"},
}

const startFailed = "start-failed"

// problemOf is the answer for an error.
func problemOf(err error) *Problem {
	var (
		p       *Problem
		start   *StartError
		uploads *uploadError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &start):
		return &Problem{Type: typePrefix + startFailed, Status: http.StatusUnprocessableEntity, Title: "The function does not start",
			Detail: err.Error(), Version: start.Version, Previous: start.Previous, Failures: start.Failures}
	case errors.As(err, &uploads):
		return badRequest("broken-body", "Broken body", "%w", err)
	}
	for _, k := range problemKinds {
		if errors.Is(err, k.err) {
			p := &Problem{Type: typePrefix + k.kind, Status: k.status, Title: k.title, Detail: err.Error()}
			if k.err == registry.ErrTooLarge {
				p.Limit = registry.MaxPackage
			}
			return p
		}
	}
	return &Problem{Type: typePrefix + "failed", Status: http.StatusInternalServerError, Title: "It failed", Detail: err.Error()}
}

func badRequest(kind, title, format string, args ...any) *Problem {
	return &Problem{Type: typePrefix + kind, Status: http.StatusBadRequest, Title: title, Detail: fmt.Errorf(format, args...).Error()}
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// Unwrap gives what the problem stands for.
func (p *Problem) Unwrap() error {
	if p.Type == typePrefix+startFailed && len(p.Failures) > 0 {
		return &StartError{Function: p.function, Version: p.Version, Previous: p.Previous, Failures: p.Failures}
	}
	for _, k := range problemKinds {
		if p.Type == typePrefix+k.kind {
			return k.err
		}
	}
	return nil
}

func (p *Problem) write(w http.ResponseWriter) {
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	head := w.Header()
	head.Del(progressHeader)
	head.Set("Content-Type", contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // a client that went away has nobody to tell
}
