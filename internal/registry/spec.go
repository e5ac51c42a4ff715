package registry

import (
	"fmt"
	"maps"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"faasd/internal/config"
)

// Spec is what somebody says of a function: on a command line, or in
// faasd.yaml. What is not said, the zero value, is guessed or the default.
type Spec struct {
	Path        string // a folder, a file or a zip
	Kind        Kind
	Timeout     time.Duration
	Memory      int64 // bytes
	Concurrency int
	Env         map[string]string // counts before what EnvFile says
	EnvFile     string
	Labels      []string
	Command     []string
	Handler     string
	ContentType string
}

// Manifest makes the manifest for the packed Path, and says why it is of that
// kind. The package is checked as far as it can be without knowing the workers.
// Errors wrap ErrManifest or ErrPackage unless EnvFile cannot be read.
func (s Spec) Manifest(p *Package) (m Manifest, why string, err error) {
	guess := Guess{Kind: s.Kind, Command: s.Command, Why: "as told"}
	switch {
	case len(s.Command) == 0:
		guess, err = p.Guess(s.Kind)
	case s.Kind == "":
		guess, err = p.guessOfCommand(s.Command)
	}
	if err != nil {
		return m, "", err
	}
	m = Manifest{
		Kind: guess.Kind, Command: guess.Command, Handler: s.Handler, ContentType: s.ContentType, Labels: s.Labels,
		Timeout: DefaultTimeout.Milliseconds(), Memory: DefaultMemory, Concurrency: DefaultConcurrency,
		Package: p.Digest, Size: p.Size,
	}
	if s.Timeout != 0 {
		if s.Timeout%time.Millisecond != 0 {
			return m, "", badManifest("a timeout of %s: write whole milliseconds", s.Timeout)
		}
		m.Timeout = s.Timeout.Milliseconds()
	}
	if s.Memory != 0 {
		m.Memory = s.Memory
	}
	if s.Concurrency != 0 {
		m.Concurrency = s.Concurrency
	}
	if m.Env, err = s.environment(); err != nil {
		return m, "", err
	}
	if err := m.Validate(); err != nil {
		return m, "", err
	}
	return m, guess.Why, p.Check(m, "")
}

// environment is EnvFile with Env over it; nil if there is nothing.
func (s Spec) environment() (map[string]string, error) {
	env := make(map[string]string)
	if s.EnvFile != "" {
		text, err := os.ReadFile(s.EnvFile)
		if err != nil {
			return nil, fmt.Errorf("file of variables: %w; name one that can be read", err)
		}
		if env, err = ParseEnvFile(s.EnvFile, text, os.LookupEnv); err != nil {
			return nil, err
		}
	}
	maps.Copy(env, s.Env)
	if len(env) == 0 {
		return nil, nil
	}
	return env, nil
}

// guessOfCommand tells the kind from the command.
func (a *Archive) guessOfCommand(command []string) (Guess, error) {
	g := Guess{Kind: KindExec, Command: command, Why: "its command is told, and no WebAssembly module"}
	name, ok := Manifest{Command: command}.File()
	if !ok {
		return g, nil
	}
	e := a.follow(name)
	if e == nil || !e.mode.IsRegular() {
		return g, nil // Check says so
	}
	p, err := inspect(e)
	if err != nil {
		return g, err
	}
	if p.form == formWasm {
		return Guess{Kind: KindWasm, Command: command, Why: name + " is a WebAssembly module"}, nil
	}
	speaks, err := e.speaksRuntime()
	if speaks {
		g = Guess{Kind: KindLambda, Command: command, Why: name + " reads " + runtimeVariable}
	}
	return g, err
}

// memoryUnits are all powers of two: AWS Lambda, docker and who writes 256MB
// for a function mean 256 MiB by it.
var memoryUnits = []struct {
	suffix string
	size   int64 // bytes
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}}

var errMemory = fmt.Errorf("not an amount of memory: write %s to %s, with the unit, such as 256MB or 1GB, where 1MB is 1024 × 1024 bytes as 1MiB is",
	config.FormatBytes(MinMemory), config.FormatBytes(MaxMemory))

// ParseMemory reads an amount of memory in bytes: a whole number and one of KB,
// MB, GB, KiB, MiB, GiB, all powers of two. A number alone is refused: some mean
// bytes by it, others MB.
func ParseMemory(text string) (int64, error) {
	for _, u := range memoryUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > math.MaxInt64/uint64(u.size) {
			return 0, errMemory
		}
		return int64(n) * u.size, nil
	}
	return 0, errMemory
}
