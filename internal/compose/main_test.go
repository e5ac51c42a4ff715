package compose

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// imageVariable names the image to test; without it there is no engine.
const imageVariable = "FAASD_IMAGE"

// root is the repository seen from this package's folder.
const root = "../.."

// soon is how long is waited for what should take no second, startWithin for
// what should take a few.
const (
	soon        = 30 * time.Second
	startWithin = time.Minute
)

// needsEngine skips a test that has none.
func needsEngine(t *testing.T) {
	t.Helper()
	if os.Getenv(imageVariable) == "" {
		t.Skip("it needs a container engine with the image: run make compose-test")
	}
}

// command runs a program in the repository's folder with what it gets as its
// standard input, and returns what it has printed.
func command(ctx context.Context, env []string, stdin []byte, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = root, append(os.Environ(), env...), bytes.NewReader(stdin)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// docker runs the engine's own client.
func docker(ctx context.Context, args ...string) (string, error) {
	out, err := command(ctx, nil, nil, "docker", args...)
	return strings.TrimSpace(out), err
}

// mustDocker fails the test if the command does.
func mustDocker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startWithin)
	defer cancel()
	out, err := docker(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// within is a context that ends soon.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until wrong finds nothing, and fails the test with what it found last.
func eventually(t *testing.T, bound time.Duration, wrong func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		what := wrong()
		if what == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s later still: %s", bound, what)
		}
	}
}
