package main

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
)

func TestADeployThatIsInterruptedSaysWhatStaysAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	mustCtl(t, dir, "deploy", "hello", folder(t, map[string]string{"main.sh": script("old")}))
	hangs := folder(t, map[string]string{"bootstrap": "#!/bin/sh\nexec sleep 600\n"})
	for name, stays := range map[string]string{"hello": "hello stays at version 1", "other": "other is not deployed"} {
		cmd := exec.Command(binary(t, "faasctl"), "deploy", name, hangs, "--data", dir)
		var errs bytes.Buffer
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = environ()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1024)
		n, err := said.Read(buf) // without a terminal, too
		if !strings.Contains(string(buf[:n]), name+": waiting for worker") {
			t.Errorf("%q, %v; want who is waited for", buf[:n], err)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_, _ = errs.ReadFrom(said)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != config.ExitInterrupted || !strings.HasSuffix(errs.String(), "faasctl deploy: cancelled; "+stays+"\n") {
			t.Errorf("%s: exit code %d, %q; want 130 and %q", name, code, &errs, stays)
		}
	}
	began := time.Now()
	mustCtl(t, dir, "deploy", "hello", folder(t, map[string]string{"main.sh": script("new")}))
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the next deploy took %s", took)
	}
	if got := answered200(t, url+"/hello", "x"); got != "new x" {
		t.Errorf("answered %q", got)
	}
	if out := mustCtl(t, dir, "functions", "hello", "--versions"); !strings.Contains(out, "2        cancelled") {
		t.Errorf("versions:\n%s", out)
	}
	if out := mustCtl(t, dir, "functions"); strings.Contains(out, "other") || strings.Contains(out, "FAILED  exec") {
		t.Errorf("functions:\n%s", out)
	}
}
