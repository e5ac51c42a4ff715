package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"faasd/internal/config"
	"faasd/internal/proc"
)

// binaries is where the programs are built to, made by TestMain.
var binaries string

// build builds both programs, once.
var build = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-o", binaries, "faasd/cmd/faasd", "faasd/cmd/faasctl").CombinedOutput(); err != nil {
		return fmt.Errorf("building faasd and faasctl: %w\n%s", err, out)
	}
	return nil
})

// runAsFaasctl makes this test binary behave as faasctl with one command more.
const runAsFaasctl = "TEST_RUN_AS_FAASCTL"

func TestMain(m *testing.M) {
	if os.Getenv(runAsFaasctl) != "" {
		p := program()
		p.Commands = append(p.Commands, &pick{})
		os.Exit(config.Main(p, os.Args[1:], config.OS()))
	}
	var err error
	if binaries, err = os.MkdirTemp("", "faasctl-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

// pick is a command that takes names of all kinds.
type pick struct {
	target
	workers  []string
	queue    []string
	function string
}

func (c *pick) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "pick", Summary: "take names"})
	s.Operands(&c.workers, "WORKER...", 1, -1).Complete(c.target.workers)
	s.Strings(&c.queue, "queue", nil, "QUEUE[,…]", "a queue").Complete(c.queues)
	s.Name(&c.function, "function", "", "a function").Complete(c.functions)
	c.declare(s)
	return s
}

func (c *pick) Validate() error                         { return nil }
func (c *pick) Run(context.Context, config.Stdio) error { return nil }

// binary is the path of a program that was built.
func binary(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binaries, name)
}

// A run is what came of running a real program.
type run struct {
	code     int
	out, err string
}

// environ is this process's environment without faasd's settings.
func environ(more ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, config.Prefix) {
			env = append(env, entry)
		}
	}
	return append(env, more...)
}

// runProgram runs a program to its end with that standard input; nil is
// /dev/null.
func runProgram(t *testing.T, in *strings.Reader, bin string, args ...string) run {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, environ()
	if in != nil {
		cmd.Stdin = in
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s %s: %v, %v", bin, strings.Join(args, " "), err, ctx.Err())
	}
	return run{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// httpOf is where a process serves HTTP.
func httpOf(t *testing.T, p *proc.Process) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at, err := p.HTTP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// golden compares the text with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
