package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// folder makes a folder with these files; those that begin with #! are
// executable.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// script is a function that answers with a text and what it is called with.
func script(text string) string {
	return "#!/bin/sh\necho \"serving $FAASD_JOB\" >&2\nprintf '" + text + " '\ncat\n"
}

// sizes replaces amounts of bytes, which a compressor decides on.
func sizes(text string) string {
	return regexp.MustCompile(`\d+ bytes`).ReplaceAllString(text, "N bytes")
}

// answered200 calls a function over HTTP.
func answered200(t *testing.T, url, body string) string {
	t.Helper()
	status, got := called(t, url, body, nil)
	if status != http.StatusOK {
		t.Errorf("%s is answered with %d, %s", url, status, got)
	}
	return got
}

func called(t *testing.T, url, body string, head map[string]string) (status int, got string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range head {
		r.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// startWithWorkers starts a system whose three workers are there.
func startWithWorkers(t *testing.T) (dir, url string) {
	t.Helper()
	dir = t.TempDir()
	url = httpOf(t, startUp(t, dir))
	settled(t, dir, 3)
	return dir, url
}

func TestAFunctionIsDeployedAgainRolledBackAndRemoved(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	code := folder(t, map[string]string{"main.sh": script("one")})
	if out := mustCtl(t, dir, "deploy", "hello", code); sizes(out) != "hello: kind exec (main.sh is a script), runs ./main.sh, N bytes\nhello version 1, exec, served by 3 workers; call it: curl -d hello "+url+"/hello\n" {
		t.Errorf("the first:\n%s", out)
	}
	if got := answered200(t, url+"/hello", "x"); got != "one x" {
		t.Errorf("answered %q", got)
	}
	if out := mustCtl(t, dir, "deploy", "hello", code); !strings.Contains(out, "hello version 1, exec, served by 3 workers, as it was: nothing to do") {
		t.Errorf("the same again:\n%s", out)
	}

	write(t, filepath.Join(code, "main.sh"), script("two"))
	var second deployed
	if err := json.Unmarshal([]byte(mustCtl(t, dir, "deploy", "hello", code, "--json", "--timeout", "5s", "--memory", "64MB", "--env", "A=1,2", "--env", "B=")), &second); err != nil {
		t.Fatal(err)
	}
	if second.Name != "hello" || second.Version != 2 || second.Previous != 1 || second.Workers != 3 || second.URL != url+"/hello" || second.Kind != "exec" {
		t.Errorf("the second: %+v, %+v", second, second.Report)
	}
	if got := strings.Join(second.Differs, ", "); got != "package, timeout 30s → 5s, memory 256MiB → 64MiB, variable A added, variable B added" {
		t.Errorf("the second differs in %q", got)
	}
	for range 12 { // every worker
		if got := answered200(t, url+"/hello", "x"); got != "two x" {
			t.Errorf("answered %q after the second version was deployed", got)
		}
	}
	out := mustCtl(t, dir, "functions", "hello")
	for _, want := range []string{"version      2 of 2 versions", "timeout      5s", "memory       64MiB", "variables    A, B", "command      ./main.sh"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	var told shown
	text := mustCtl(t, dir, "functions", "hello", "--json")
	if err := json.Unmarshal([]byte(text), &told); err != nil || strings.Contains(text, "1,2") || told.Manifest.Env != nil || strings.Join(told.Variables, " ") != "A B" || told.Manifest.Timeout != 5000 {
		t.Errorf("values of variables are told, or not their names: %v\n%s", err, text)
	}
	if out := mustCtl(t, dir, "deploy", "hello", code); !strings.Contains(out, "\nhello: differs from version 2: timeout 5s → 30s, memory 64MiB → 256MiB, variable A removed, variable B removed; not kept from one deploy to the next: --timeout, --memory, --env; to keep") {
		t.Errorf("without the flags:\n%s", out)
	}
	if out := mustCtl(t, dir, "deploy", "hello", code, "--timeout", "5s", "--env", "A=1"); !strings.Contains(out, "\nhello: differs from version 3: timeout 30s → 5s, variable A added\n") {
		t.Errorf("with flags where none were:\n%s", out)
	}
	if out := mustCtl(t, dir, "deploy", "hello", code, "--timeout", "30s", "--env", "A=2"); !strings.Contains(out, "\nhello: differs from version 4: timeout 5s → 30s, variable A changed\n") {
		t.Errorf("with other values:\n%s", out)
	}
	for range 3 {
		mustCtl(t, dir, "functions", "rollback", "hello")
	}
	if out := mustCtl(t, dir, "functions", "rollback", "hello"); out != "hello version 1 again, instead of 2, served by 3 workers\n" {
		t.Errorf("printed %q", out)
	}
	if got := answered200(t, url+"/hello", "x"); got != "one x" {
		t.Errorf("answered %q after the rollback", got)
	}
	out = mustCtl(t, dir, "functions", "hello", "--versions")
	if lines := strings.Split(out, "\n"); len(lines) != 7 || !strings.HasPrefix(lines[4], "2        ready    exec") || !strings.HasPrefix(lines[5], "1        current  exec") {
		t.Errorf("versions:\n%s", out)
	}
	if out := mustCtl(t, dir, "functions", "rollback", "hello", "1"); out != "hello: version 1 is current already: nothing to do\n" {
		t.Errorf("rollback to the current version printed %q", out)
	}
	if r := ctl(t, dir, "functions", "rm", "echo", "--yes"); r.code != config.ExitFailed || r.err != "faasctl functions: echo was not deployed, and cannot be removed: its workers bring it (built in)\n" {
		t.Errorf("echo: exit code %d, %q", r.code, r.err)
	}
	if r := ctl(t, dir, "functions", "rollback", "hello", "7"); r.code != config.ExitFailed || !strings.Contains(r.err, "no such version") {
		t.Errorf("rollback to what is not there: exit code %d, %q", r.code, r.err)
	}

	if r := ctl(t, dir, "functions", "rm", "hello"); r.code != config.ExitUsage || !strings.Contains(r.err, "write --yes") {
		t.Errorf("removed without a question: exit code %d, %q", r.code, r.err)
	}
	if out := mustCtl(t, dir, "functions", "rm", "hello", "--yes"); out != "hello removed; for an hour, faasctl functions rollback hello brings it back\n" {
		t.Errorf("printed %q", out)
	}
	if status, got := called(t, url+"/hello", "x", nil); status != http.StatusNotFound {
		t.Errorf("removed, it is answered with %d, %s", status, got)
	}
	if out := mustCtl(t, dir, "functions"); strings.Contains(out, "hello") || !strings.Contains(out, "echo      ok     built in  -        3") {
		t.Errorf("functions:\n%s", out)
	}
	for _, args := range [][]string{{"functions", "hello"}, {"functions", "rm", "hello", "--yes"}} {
		if r := ctl(t, dir, args[0], args[1:]...); r.code != config.ExitFailed || !strings.Contains(r.err, "rollback hello brings it back") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("faasctl %s of what was removed: exit code %d, %q", strings.Join(args, " "), r.code, r.err)
		}
	}
	if out := mustCtl(t, dir, "functions", "rollback", "hello"); out != "hello version 1 again, its removal taken back, served by 3 workers\n" {
		t.Errorf("printed %q", out)
	}
	for range 12 { // every worker
		if got := answered200(t, url+"/hello", "x"); got != "one x" {
			t.Errorf("answered %q after its removal was taken back", got)
		}
	}
	if r := ctl(t, dir, "functions", "rollback", "never"); r.code != config.ExitFailed || !strings.Contains(r.err, "faasctl deploy never PATH deploys it") {
		t.Errorf("rollback of what never was: exit code %d, %q", r.code, r.err)
	}
}

func TestWhatCannotBeDeployedIsRefusedWithTheReasonAndTheOldStays(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	mustCtl(t, dir, "deploy", "hello", folder(t, map[string]string{"main.sh": script("old")}))
	for _, tt := range []struct {
		name  string
		files map[string]string
		args  []string
		code  int
		want  []string // of standard error
	}{
		{"no program", map[string]string{"README": "x"}, nil, 1, []string{"how to run it cannot be told"}},
		{"managed by AWS", map[string]string{"lambda_function.py": "x"}, nil, 1, []string{"for a runtime that AWS Lambda brings"}},
		{"no interpreter", map[string]string{"main.sh": "#!/no/such/shell\n"}, nil, 1, []string{"/no/such/shell"}},
		{"ends at its start", map[string]string{"bootstrap": "#!/bin/sh\nprintf 'no module \\033[1mx\\n' >&2\nexit 3\n"}, nil, 1,
			[]string{"Runtime.InitError", "exit status 3", "\n  | no module ?[1mx\n", "version 3 of hello does not start; version 1 stays"}},
		{"bad memory", map[string]string{"main.sh": script("x")}, []string{"--memory", "256"}, 2, []string{`--memory "256": not an amount of memory`}},
		{"little memory", map[string]string{"main.sh": script("x")}, []string{"--memory", "1MB"}, 2, []string{"write 16MiB to 64GiB"}},
		{"a variable of the worker's", map[string]string{"main.sh": script("x")}, []string{"--env", "FAASD_JOB=1"}, 1, []string{"is set by the worker"}},
		{"no variable", map[string]string{"main.sh": script("x")}, []string{"--env", "A"}, 2, []string{`--env "A": not NAME=VALUE`}},
		{"concurrency of a script", map[string]string{"main.sh": script("x")}, []string{"--concurrency", "2"}, 1, []string{"write 1"}},
		{"a file and one", map[string]string{"main.sh": script("x")}, []string{"-f", "x"}, 2, []string{"are both"}},
		{"prune of one", map[string]string{"main.sh": script("x")}, []string{"--prune"}, 2, []string{"--prune is for --file"}},
	} {
		r := ctl(t, dir, "deploy", append([]string{"hello", folder(t, tt.files)}, tt.args...)...)
		for _, want := range tt.want {
			if r.code != tt.code || !strings.Contains(r.err, want) {
				t.Errorf("%s: exit code %d, %q\nwant %d and %q", tt.name, r.code, r.err, tt.code, want)
			}
		}
		if got := answered200(t, url+"/hello", "x"); got != "old x" {
			t.Errorf("after %s: answered %q", tt.name, got)
		}
	}
	r := ctl(t, dir, "deploy", "first", folder(t, map[string]string{"main.sh": "#!/no/such/shell\n"}))
	if want := "faasctl deploy: version 1 of first does not start; no version of first takes requests, as before\n"; r.code != 1 || !strings.HasSuffix(r.err, want) {
		t.Errorf("a first version that does not start: exit code %d, %q\nwant %q", r.code, r.err, want)
	}
	for _, args := range []string{"echo .", "a/b .", "functions .", "x /no/such/folder", "hello", "", "-f /no/such/file", "--file x --timeout 1s"} {
		if r := ctl(t, dir, "deploy", strings.Fields(args)...); r.code != config.ExitFailed && r.code != config.ExitUsage || strings.Count(r.err, "\n") != 1 {
			t.Errorf("faasctl deploy %s: exit code %d, %q", args, r.code, r.err)
		}
	}
}

func TestWhatNoWorkerServesWaitsAndIsShown(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	out := mustCtl(t, dir, "deploy", "train", folder(t, map[string]string{"main.sh": script("x")}), "--label", "gpu")
	if !strings.Contains(out, "train version 1, exec, served by no worker: requests wait for one with the label gpu; call it: curl -d hello "+url+"/train") {
		t.Errorf("printed\n%s", out)
	}
	if out := mustCtl(t, dir, "functions"); !strings.Contains(out, "train     !NO WRK  exec      1        0") {
		t.Errorf("functions:\n%s", out)
	}
	socket := "ipc://" + filepath.Join(dir, "sockets", "broker.ipc") // as docs/FUNCTIONS.md has it
	if _, err := os.Stat(strings.TrimPrefix(socket, "ipc://")); err != nil {
		t.Errorf("no broker where the documents say: %v", err)
	}
	if r := ctl(t, dir, "logs", "train"); r.code != config.ExitFailed || !strings.Contains(r.err, "no worker has train") {
		t.Errorf("logs: exit code %d, %q", r.code, r.err)
	}
}

func TestWhereNothingIsDeployedIsSaidWithExitCode3(t *testing.T) {
	dir, code := t.TempDir(), folder(t, map[string]string{"main.sh": script("x")})
	for _, args := range [][]string{
		{"deploy", "hello", code, "--data", dir},
		{"deploy", "hello", code, "--admin", "127.0.0.1:1"},
		{"deploy", "hello", code, "--admin", "unix:" + dir + "/none"},
		{"deploy", "hello", code, "--within", "100ms", "--coordinator", "tcp://127.0.0.1:1"},
		{"functions", "--data", dir},
		{"functions", "hello", "--data", dir},
		{"functions", "rm", "hello", "--yes", "--admin", "127.0.0.1:1"},
		{"functions", "rollback", "hello", "--admin", "127.0.0.1:1"},
		{"logs", "hello", "--data", dir},
	} {
		code, out, errs := faasctl(args...)
		if code != config.ExitNoCluster || strings.Contains(out, "version") || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "faasd") {
			t.Errorf("faasctl %s: exit code %d, %q, %q; want 3 and one line", strings.Join(args, " "), code, out, errs)
		}
	}
	if code, _, errs := faasctl("deploy", "hello", code, "--admin", "example.com:80"); code != config.ExitUsage || !strings.Contains(errs, "loopback") {
		t.Errorf("another host: exit code %d, %q", code, errs)
	}
}

func TestTheListenerIsChosenThatCanBeReached(t *testing.T) {
	for _, tt := range []struct{ picture, want string }{
		{`[]`, "nothing can be deployed in this cluster: no frontend has a store; start one with `faasd frontend --store DIR`"},
		{`[{"state":"ok","host":"here","endpoints":{"admin":"127.0.0.1:3001"}}]`, "127.0.0.1:3001"},
		{`[{"state":"lost","host":"here","endpoints":{"admin":"127.0.0.1:1"}},{"state":"ok","host":"here","endpoints":{"admin":"unix:/x"}}]`, "unix:/x"},
		{`[{"state":"ok","host":"b","endpoints":{"admin":"127.0.0.1:3001"}},{"state":"ok","host":"a","endpoints":{"admin":"127.0.0.1:3001"}},{"state":"ok","host":"a","endpoints":{"admin":"127.0.0.1:3002"}}]`,
			"functions are deployed only from the hosts of frontends that have a store: a, b; run faasctl there, or bring the listener here with ssh -L and name it with --admin"},
	} {
		var parts []operator.Part
		if err := json.Unmarshal([]byte(tt.picture), &parts); err != nil {
			t.Fatal(err)
		}
		got, err := chooseAdmin(parts, "here")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.picture, got, tt.want)
		}
	}
}

// A cluster's coordinator, or an address alone, leads to the same store.
func TestAFunctionIsDeployedByWayOfACoordinatorOrAnAddress(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	running, err := config.ReadRunning(dir)
	if err != nil {
		t.Fatal(err)
	}
	code, bin := folder(t, map[string]string{"main.sh": script("x")}), binary(t, "faasctl")
	for name, args := range map[string][]string{"a": {"--coordinator", running.Coordinator}, "b": {"--admin", running.Admin}} {
		r := runProgram(t, nil, bin, append([]string{"deploy", name, code}, args...)...)
		if r.code != config.ExitOK || !strings.Contains(r.out, name+" version 1, exec, served by 3 workers") {
			t.Errorf("%q: exit code %d, %q, %q", args, r.code, r.out, r.err)
		}
		if got := answered200(t, url+"/"+name, "y"); got != "x y" {
			t.Errorf("answered %q", got)
		}
	}
	// An address alone does not say where the function is called, and the system of
	// the usual data folder is another one.
	if r := runProgram(t, nil, bin, "deploy", "d", code, "--admin", running.Admin); !strings.HasSuffix(r.out, "; call it: faasctl invoke d --body hello --url URL (that of a frontend of this system)\n") {
		t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
	}
	if r := runProgram(t, nil, bin, "deploy", "e", code, "--admin", running.Admin, "--coordinator", running.Coordinator); !strings.HasSuffix(r.out, "; call it: faasctl invoke e --body hello --coordinator "+running.Coordinator+"\n") {
		t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
	}
	for _, args := range [][]string{{"deploy", "c", code}, {"functions", "a"}, {"functions", "rollback", "a"}} { // not the public port
		r := runProgram(t, nil, bin, append(args, "--admin", strings.TrimPrefix(url, "http://"))...)
		if r.code != config.ExitNoCluster || !strings.Contains(r.err, "no admin listener of faasd") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%q: exit code %d, %q", args, r.code, r.err)
		}
	}
}

func TestOnATerminalLongWaitsAreToldAndRemovalsAskedAbout(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	mustCtl(t, dir, "deploy", "hello", folder(t, map[string]string{"main.sh": script("old")}))
	slow := folder(t, map[string]string{"bootstrap": "#!/bin/sh\nexec sleep 600\n"})
	p := openPane(t, 100, 24, nil, binary(t, "faasctl"), "deploy", "hello", slow, "--data", dir)
	p.shows(`hello: waiting for worker w-\S+ at queue`)
	p.keys("C-c") // whoever does not wait any more wants it no more
	versions := ""
	eventually(t, func() bool {
		versions = mustCtl(t, dir, "functions", "hello", "--versions")
		return strings.Contains(versions, "2        cancelled")
	}, func() string { return "not given up after Ctrl-C:\n" + versions })
	if got := answered200(t, url+"/hello", "x"); got != "old x" {
		t.Errorf("answered %q", got)
	}
	for _, tt := range []struct{ answer, code string }{{"n", "1"}, {"y", "0"}} {
		p = openPane(t, 100, 24, nil, binary(t, "faasctl"), "functions", "rm", "hello", "--data", dir)
		p.shows(`Remove hello: .* Go on\? \[y/N\]`)
		p.keys(tt.answer, "Enter")
		if code := p.ends(); code != tt.code {
			t.Errorf("exit code %s after %s", code, tt.answer)
		}
	}
	if status, _ := called(t, url+"/hello", "x", nil); status != http.StatusNotFound {
		t.Errorf("removed, it is answered with %d", status)
	}
}
