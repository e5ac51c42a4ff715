package main

import (
	"os"
	"testing"
)

// runAsFaasd makes this test binary behave as the real program, so that tests
// start what users start, race detector included, without building it twice.
// Its name has no FAASD_ prefix: it must reach the workers that `up` starts.
const runAsFaasd = "TEST_RUN_AS_FAASD"

func TestMain(m *testing.M) {
	if os.Getenv(runAsFaasd) != "" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// self is this test binary's path, which runs as the real program in the
// [environment].
func self(t testing.TB) string {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// environment is what makes the binary of [self] the real program.
func environment() []string {
	return []string{runAsFaasd + "=1", "GORACE=atexit_sleep_ms=0"}
}
