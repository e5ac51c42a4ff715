// Package registry knows the functions that were deployed: how a package is
// packed, looked through and unpacked, how a version is to be run, what
// faasd.yaml says, and the store that keeps it all.
package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"faasd/internal/config"
)

// Kind is how a function is run.
type Kind string

// The kinds of function that can be deployed.
const (
	KindLambda Kind = "lambda" // a process that speaks the AWS Lambda Runtime API
	KindExec   Kind = "exec"   // one process per request, body on standard input, answer on standard output
	KindWasm   Kind = "wasm"   // a WASI module in the worker, fresh memory per request
)

// Kinds are all kinds, as they are written.
var Kinds = []string{string(KindLambda), string(KindExec), string(KindWasm)}

// Bounds of a manifest.
const (
	MinTimeout     = time.Millisecond
	MaxTimeout     = 15 * time.Minute // that of AWS Lambda
	MinMemory      = 16 << 20         // bytes: less does not start most runtimes
	MaxMemory      = 64 << 30         // bytes
	MaxWasmMemory  = 4 << 30          // bytes: what 32-bit addresses reach
	MaxConcurrency = 1000
	MaxEnv         = 32 << 10 // bytes of the whole environment, each variable as NAME=VALUE and a zero
	MaxLabels      = 16
	MaxManifest    = 128 << 10 // bytes of a manifest as JSON

	maxCommand     = 64      // words
	maxCommandSize = 8 << 10 // bytes
	maxHandler     = 256     // bytes
	maxContentType = 256     // bytes
)

// What a manifest has where nobody said anything else.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultMemory      = 256 << 20 // bytes
	DefaultConcurrency = 1
)

// Manifest says how one version of a function is run. Its digest stands for the
// version's whole content.
type Manifest struct {
	Kind Kind `json:"kind"`
	// Command is what to run and its arguments. A first word with a slash that
	// is not absolute is a file of the package; one without a slash is looked up
	// in PATH. For wasm it is the module, always a file of the package.
	Command     []string          `json:"command"`
	Handler     string            `json:"handler,omitempty"` // _HANDLER of a lambda
	Timeout     int64             `json:"timeout_ms"`        // of one call
	Memory      int64             `json:"memory_bytes"`      // of one process or module
	Concurrency int               `json:"concurrency"`       // calls that one process takes at a time
	Env         map[string]string `json:"env,omitempty"`
	Labels      []string          `json:"labels,omitempty"`       // only workers that have all of them run it
	ContentType string            `json:"content_type,omitempty"` // of answers that do not say their own
	Package     string            `json:"package"`                // its digest, see Digest
	Size        int64             `json:"size"`                   // of the package, bytes
}

// ErrManifest says that a manifest cannot be: the error names what and why.
var ErrManifest = errors.New("the function cannot be deployed")

func badManifest(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrManifest, fmt.Errorf(format, args...))
}

// Encode writes the manifest as JSON: the same bytes for the same content.
func (m Manifest) Encode() []byte {
	m.Labels = inOrder(m.Labels)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic("registry: a manifest that is not JSON: " + err.Error()) // it has only texts and numbers
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// inOrder are labels as they are kept: sorted, each once.
func inOrder(labels []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(labels)))
}

// Digest identifies the content of the version.
func (m Manifest) Digest() string { return Digest(m.Encode()) }

// Deadline is the timeout of one call.
func (m Manifest) Deadline() time.Duration { return time.Duration(m.Timeout) * time.Millisecond }

// ParseManifest reads what Encode wrote, or what somebody wrote by hand, and
// validates all but the package: see Validate.
func ParseManifest(text []byte) (Manifest, error) {
	var m Manifest
	if len(text) > MaxManifest {
		return m, badManifest("a manifest of %d bytes: it may have %s", len(text), config.FormatBytes(MaxManifest))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, badManifest("its manifest is not what this faasd understands: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return m, badManifest("something follows its manifest: send one JSON object")
	}
	return m, m.validateRun()
}

// Validate returns nil if a version can be stored like that. Errors wrap
// ErrManifest.
func (m Manifest) Validate() error {
	if err := m.validateRun(); err != nil {
		return err
	}
	switch {
	case !ValidDigest(m.Package):
		return badManifest("package %.80q is no digest: write SHA-256 as 64 hexadecimal digits", m.Package)
	case m.Size < 1 || m.Size > MaxPackage:
		return badManifest("a package of %d bytes: it may have 1 to %s", m.Size, config.FormatBytes(MaxPackage))
	}
	return nil
}

// validateRun checks all but the package.
func (m Manifest) validateRun() error {
	switch {
	case !slices.Contains(Kinds, string(m.Kind)):
		return badManifest("kind %.40q: write one of %s", m.Kind, strings.Join(Kinds, ", "))
	case m.Timeout < MinTimeout.Milliseconds() || m.Timeout > MaxTimeout.Milliseconds():
		return badManifest("a timeout of %d ms: write 1ms to 15m", m.Timeout)
	case m.Memory < MinMemory || m.Memory > MaxMemory:
		return badManifest("memory of %s: write %s to %s", config.FormatBytes(m.Memory), config.FormatBytes(MinMemory), config.FormatBytes(MaxMemory))
	case m.Kind == KindWasm && m.Memory > MaxWasmMemory:
		return badManifest("memory of %s: a WebAssembly module reaches %s at most", config.FormatBytes(m.Memory), config.FormatBytes(MaxWasmMemory))
	case m.Concurrency < 1 || m.Concurrency > MaxConcurrency:
		return badManifest("a concurrency of %d: write 1 to %d", m.Concurrency, MaxConcurrency)
	case m.Concurrency > 1 && m.Kind != KindLambda:
		return badManifest("a concurrency of %d: the kind %s has a process or module for each call, write 1", m.Concurrency, m.Kind)
	case len(m.Handler) > maxHandler || !plain(m.Handler):
		return badManifest("handler %.40q: write up to %d bytes of printable text", m.Handler, maxHandler)
	case m.Handler != "" && m.Kind != KindLambda:
		return badManifest("handler %.40q: only the kind lambda has one", m.Handler)
	}
	if err := m.validateCommand(); err != nil {
		return err
	}
	if err := validateContentType(m.ContentType); err != nil {
		return err
	}
	if len(m.Labels) > MaxLabels {
		return badManifest("%d labels: %d at most", len(m.Labels), MaxLabels)
	}
	for _, label := range m.Labels {
		if err := config.ValidName(label); err != nil {
			return badManifest("label %.80q: %w", label, err)
		}
	}
	return validateEnv(m.Env)
}

func (m Manifest) validateCommand() error {
	size := 0
	for _, word := range m.Command {
		size += len(word) + 1
		if !utf8.ValidString(word) || strings.ContainsRune(word, 0) {
			return badManifest("its command has the word %.80q: write UTF-8 without zeros", word)
		}
	}
	switch {
	case len(m.Command) == 0 || m.Command[0] == "":
		return badManifest("it has no command: say with --command what to run")
	case len(m.Command) > maxCommand || size > maxCommandSize:
		return badManifest("a command of %d words and %d bytes: it may have %d words and %s", len(m.Command), size, maxCommand, config.FormatBytes(maxCommandSize))
	}
	if file, ok := m.File(); ok && !validFile(file) {
		return badManifest("its command %.80q leaves the package: name a file in it, such as ./main", m.Command[0])
	} else if m.Kind == KindWasm && !ok {
		return badManifest("its command %.80q: name the module in the package, such as ./main.wasm", m.Command[0])
	}
	return nil
}

// File is the file of the package that the command runs, if it is one of the
// package: "main" for ./main.
func (m Manifest) File() (name string, ok bool) {
	if len(m.Command) == 0 || strings.HasPrefix(m.Command[0], "/") || !strings.Contains(m.Command[0], "/") {
		return "", false
	}
	return strings.TrimPrefix(m.Command[0], "./"), true
}

func validateContentType(text string) error {
	if text == "" {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(text); err != nil || !strings.Contains(kind, "/") || len(text) > maxContentType || !plain(text) {
		return badManifest("content type %.80q: write one such as application/json", text)
	}
	return nil
}

// plain reports whether the text can stand in a header or a variable.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// Digest is the SHA-256 of the bytes as 64 hexadecimal digits.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ValidDigest reports whether the text is a digest as Digest writes it.
func ValidDigest(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}
