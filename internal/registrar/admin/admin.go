// Package admin is the HTTP interface by which functions are deployed, and its
// client. Whoever reaches it runs code on the workers, so it is never on the
// public port: it listens on a unix socket or on loopback, and refuses
// browsers.
//
//	PUT    /functions/NAME                     deploy: multipart/form-data, first the part "manifest" (JSON), then "package" (zip)
//	GET    /functions                          all functions, with their versions
//	GET    /functions/NAME                     one, with the manifest of its current version
//	POST   /functions/NAME/rollback?version=N  make an earlier version current; without N the one before
//	DELETE /functions/NAME                     remove
//
// While a change is under way, what comes of it is told by informational
// answers (102), each with a line in the header X-Faasd-Progress.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"faasd/internal/registry"
)

// Deployer does what the interface asks for. Errors that wrap one of
// internal/registry's, or are a *StartError, have answers of their own; what is
// wrong with reading the package is returned as it came from the reader.
// Progress may be called with a line for people at any time until the method
// returns, by one goroutine at a time; it is never nil.
type Deployer interface {
	// Deploy stores the package and makes a version of it current. The manifest
	// has bounds that were checked, and may lack Package and Size. All of the
	// package is read if there is no error.
	Deploy(ctx context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(line string)) (Report, error)
	// Functions are all that are deployed, by name, without manifests.
	Functions(ctx context.Context) ([]Function, error)
	// Function is one that is deployed, with the manifest of its current version.
	Function(ctx context.Context, name string) (Function, error)
	// Rollback makes an earlier version current; 0 is the one before.
	Rollback(ctx context.Context, name string, version uint32, progress func(line string)) (Report, error)
	// Remove removes a function.
	Remove(ctx context.Context, name string, progress func(line string)) (Report, error)
}

// Function is a deployed function.
type Function struct {
	registry.Function
	Workers  int                `json:"workers"`            // that serve its current version
	Manifest *registry.Manifest `json:"manifest,omitempty"` // of the current version, where one function is asked for
	Broken   []StartFailure     `json:"broken,omitempty"`   // likewise, where it does not come up, the first few of each queue
}

// Report is what came of a change.
type Report struct {
	Function  string `json:"function"`
	Version   uint32 `json:"version"`             // that is current now; of a removed function the last one
	Previous  uint32 `json:"previous,omitempty"`  // that was current before
	Unchanged bool   `json:"unchanged,omitempty"` // the current version was like that already
	Revision  uint64 `json:"revision"`            // of the store, see registry.Catalogue
	Workers   int    `json:"workers"`             // that serve it now
	// Behind are the frontends and workers that do not know of the change yet, or
	// did not say so in time.
	Behind []string `json:"behind,omitempty"`
}

// ErrUnheard says that no queue is heard, so that nobody can say whether a
// version comes up.
var ErrUnheard = errors.New("no queue is heard, so nothing can be tried: see that a coordinator and a queue run, and that the frontend with the store reaches the coordinator")

// ErrOtherStore says that frontends of one system have different stores, and
// that the one which was asked has not the one that counts.
var ErrOtherStore = errors.New("the store of this frontend does not count")

// StartError says that a version could not be started. The old one stays.
type StartError struct {
	Function string
	Version  uint32
	Previous uint32         // the old one; 0: the function takes no requests, as before
	Failures []StartFailure // at least one
}

// StartFailure is why a worker could not start a version.
type StartFailure struct {
	Worker string `json:"worker"`
	Reason string `json:"reason"`
	Log    string `json:"log,omitempty"` // the last that the function printed
}

// Error gives the reason of the first worker.
func (e *StartError) Error() string {
	f := e.Failures[0]
	text := fmt.Sprintf("version %d of %s does not start on worker %s: %s", e.Version, e.Function, f.Worker, strings.TrimSuffix(f.Reason, "."))
	if more := len(e.Failures) - 1; more > 0 {
		text += fmt.Sprintf(" (likewise on %d more)", more)
	}
	return text + "; " + Remains(e.Function, e.Previous)
}

// Remains says what a function is left with when a version of it is given up:
// the one that was current, 0 if none was.
func Remains(function string, current uint32) string {
	if current == 0 {
		return "no version of " + function + " takes requests, as before"
	}
	return fmt.Sprintf("version %d stays", current)
}
