package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// tailing starts faasctl logs, and hands on each line that it prints.
func tailing(t *testing.T, args ...string) (<-chan string, *exec.Cmd) {
	t.Helper()
	r, w := io.Pipe()
	cmd := exec.CommandContext(t.Context(), binary(t, "faasctl"), append([]string{"logs"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = w, w, environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := make(chan string, 1000)
	go func() {
		defer close(printed)
		for s := bufio.NewScanner(r); s.Scan(); {
			printed <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
	})
	return printed, cmd
}

// awaitLine reads lines until one has all of the words, and returns it.
func awaitLine(t *testing.T, printed <-chan string, words ...string) string {
	t.Helper()
	late := time.After(patience)
	var seen []string
next:
	for {
		select {
		case line, ok := <-printed:
			seen = append(seen, line)
			if !ok {
				t.Fatalf("it ended without a line with %q:\n%s", words, strings.Join(seen, "\n"))
			}
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue next
				}
			}
			return line
		case <-late:
			t.Fatalf("no line with %q:\n%s", words, strings.Join(seen, "\n"))
		}
	}
}

// jobOf calls a function and returns its job.
func jobOf(t *testing.T, url, body string) string {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.Header.Get("X-Faasd-Job")
}

func TestLogsAreOfAllWorkersAndSayWhichJob(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	mustCtl(t, dir, "deploy", "talk", folder(t, map[string]string{"main.sh": "#!/bin/sh\nread -r word\nprintf '%s\\033[31m\\tred\\n' \"$word\" >&2\nif [ \"$word\" = bad ]; then exit 1; fi\n"}))
	if out := mustCtl(t, dir, "logs", "talk"); out != "" {
		t.Errorf("before a call:\n%s", out)
	}
	first, second, bad := jobOf(t, url+"/talk", "first\n"), jobOf(t, url+"/talk", "second\n"), jobOf(t, url+"/talk", "bad\n")
	out := mustCtl(t, dir, "logs", "talk")
	workers := make(map[string]bool)
	for _, want := range []string{"…" + first[20:] + "  err  first?[31m    red\n", "…" + second[20:] + "  err  second?[31m    red\n", "…" + bad[20:] + "  err  bad?[31m    red\n"} {
		before, _, ok := strings.Cut(out, want)
		if !ok {
			t.Errorf("%q is missing in\n%s", want, out)
			continue
		}
		words := strings.Fields(before)
		workers[words[len(words)-1]] = true
	}
	if len(workers) != 3 {
		t.Errorf("lines of the workers %v, want three", workers)
	}
	if strings.Index(out, "first") > strings.Index(out, "second") || strings.Index(out, "second") > strings.Index(out, "bad") {
		t.Errorf("not by time:\n%s", out)
	}
	for _, id := range []string{second, "…" + second[20:], strings.ToLower(second[18:])} {
		if out := mustCtl(t, dir, "logs", "talk", "--job", id); strings.Count(out, "\n") != 1 || !strings.Contains(out, "second") {
			t.Errorf("of job %s:\n%s", id, out)
		}
	}
	var line operator.Line
	if err := json.Unmarshal([]byte(mustCtl(t, dir, "logs", "talk", "--job", second, "--json")), &line); err != nil || line.Job != second || line.Text != "second\x1b[31m\tred" || line.Stream != "stderr" || line.Worker == "" {
		t.Errorf("as JSON: %+v, %v", line, err)
	}
	if out := mustCtl(t, dir, "logs", "talk", "--worker", line.Worker); strings.Count(out, "red") != 1 {
		t.Errorf("of worker %s:\n%s", line.Worker, out)
	}
	if r := ctl(t, dir, "logs", "talk", "--job", "N0SVCHJ0B"); r.code != config.ExitOK || r.out != "" || !strings.Contains(r.err, "no worker of talk has a line of a job N0SVCHJ0B") {
		t.Errorf("of a job that is not there: exit code %d, %q, %q", r.code, r.out, r.err)
	}
	if out := mustCtl(t, dir, "logs", "talk", "--job", bad); !strings.Contains(out, "sys  exit status 1\n") {
		t.Errorf("of a call that failed:\n%s", out)
	}
	mustFail := ctl(t, dir, "deploy", "broken", folder(t, map[string]string{"bootstrap": "#!/bin/sh\necho no module x >&2\nexit 3\n"}))
	r := ctl(t, dir, "logs", "broken")
	if mustFail.code != config.ExitFailed || !strings.Contains(r.out, "err  no module x\n") || !strings.Contains(r.err, "why: faasctl functions broken\n") {
		t.Errorf("of one that does not start (%q): exit code %d, %q, %q", mustFail.err, r.code, r.out, r.err)
	}
	out = mustCtl(t, dir, "functions", "broken")
	for _, want := range []string{"version   none has come up\n", "failed    version 1, tried 2", "exit status 3", "printed   see faasctl logs broken\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("functions broken: %q is missing in\n%s", want, out)
		}
	}
	r = ctl(t, dir, "invoke", "talk", "--body", "bad", "--log")
	if r.code != config.ExitFailed || !strings.Contains(r.err, "  err  bad?[31m    red\n") || !strings.Contains(r.err, "500 Internal Server Error") {
		t.Errorf("a call that fails: exit code %d, %q, %q", r.code, r.out, r.err)
	}
	for want, args := range map[string]string{
		"there is no function nosuch": "nosuch", `--job "!": not the id of a job`: "talk --job !", `no worker "w-none"`: "talk --worker w-none", "missing argument": "",
	} {
		if r := ctl(t, dir, "logs", strings.Fields(args)...); r.code != config.ExitFailed && r.code != config.ExitUsage || !strings.Contains(r.err, want) || strings.Count(r.err, "\n") != 1 {
			t.Errorf("faasctl logs %s: exit code %d, %q", args, r.code, r.err)
		}
	}
}

func TestLogsAreFollowedThroughALostWorkerAndANewVersion(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	code := folder(t, map[string]string{"main.sh": script("x")})
	mustCtl(t, dir, "deploy", "talk", code)
	printed, cmd := tailing(t, "talk", "--follow", "--data", dir)
	first := jobOf(t, url+"/talk", "1")
	victim := strings.Fields(awaitLine(t, printed, "serving "+first))[1]
	mustCtl(t, dir, "kill", victim)
	awaitLine(t, printed, "gone, and with it what was not told yet: "+victim)
	write(t, code+"/main.sh", script("y"))
	mustCtl(t, dir, "deploy", "talk", code)
	for range 6 { // the one that came in its place, too
		id := jobOf(t, url+"/talk", "2")
		awaitLine(t, printed, "…"+id[20:], "serving "+id)
	}
	mustCtl(t, dir, "scale", "worker=0", "--yes")
	awaitLine(t, printed, "no worker of talk is heard any more; it goes on when one is")
	mustCtl(t, dir, "scale", "worker=1")
	id := jobOf(t, url+"/talk", "3")
	awaitLine(t, printed, "…"+id[20:], "serving "+id)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0", err)
	}
}
