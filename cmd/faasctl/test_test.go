package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/acceptance"
	"faasd/internal/config"
	"faasd/internal/proc"
)

// useFaasd has `faasctl test` start the faasd of this code, or one that is built
// with further flags.
func useFaasd(t *testing.T, flags ...string) {
	t.Helper()
	bin := binary(t, "faasd")
	if len(flags) > 0 {
		bin = filepath.Join(t.TempDir(), "faasd")
		args := append([]string{"build", "-o", bin}, flags...)
		if out, err := exec.Command("go", append(args, "faasd/cmd/faasd")...).CombinedOutput(); err != nil {
			t.Fatalf("building faasd: %v\n%s", err, out)
		}
	}
	t.Setenv("FAASD_BIN", bin)
}

// emptyTemp makes temporary folders of the program go where nobody else's are.
func emptyTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

// differs is what no two runs have alike, and what stands in its place in the
// golden file.
var differs = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?m)^(  ok|  FAILED) +\d+\.\d\d s`), "$1  0.00 s"},
	{regexp.MustCompile(`\b\d+\.\d\d s\b`), "0.00 s"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|s)\b`), "0ms"},
	{regexp.MustCompile(`\b(process|(coordinator|broker|frontend)1|queue[ABC]) \d{2,}\b`), "$1 0"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:0"},
	{regexp.MustCompile(`"id":"[^"]*"`), `"id":"0"`},
	// In test 3 either of two queues takes the job.
	{regexp.MustCompile(`(request \d: .*) by worker[23] of queue[BC]`), "$1 by another"},
	{regexp.MustCompile(`queue[BC] has taken`), "another has taken"},
}

func steady(text string) string {
	for _, d := range differs {
		text = d.pattern.ReplaceAllString(text, d.instead)
	}
	return text
}

func TestAcceptanceTestsInPlainLines(t *testing.T) {
	temp := emptyTemp(t)
	useFaasd(t)
	report := filepath.Join(t.TempDir(), "report.xml")
	code, out, errs := faasctl("test", "--junit", report)
	if code != config.ExitOK || errs != "" {
		t.Errorf("exit code %d, %s", code, errs)
	}
	got := steady(out)
	golden(t, "test.txt", got)
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\r") {
		t.Errorf("escape codes where there is no terminal: %q", out)
	}
	mustBeEmpty(t, temp)

	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if s := suites.Suite; s.Tests != 4 || s.Failures+s.Errors+s.Skipped != 0 || len(s.Cases) != 4 ||
		s.Cases[3].Name != "4: workers and requests take turns" || !strings.Contains(s.Cases[3].Output, "the bus shows 2/2/2") {
		t.Errorf("the report has %s", text)
	}
}

// What README.md shows of a run is one that `make record` has made of this
// program.
func TestTheRecordedRunIsTrue(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/test.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(golden), "test 3: ")
	want, _, _ = strings.Cut(want, "test 4: ")
	_, got, _ := strings.Cut(string(readme), "<!-- recorded: faasctl test 3 -->\n```\n$ bin/faasctl test 3\n")
	got, _, _ = strings.Cut(got, "```\n<!-- end -->")
	if steady(got) != "test 3: "+want {
		t.Errorf("README.md shows:\n%s\nwant what looks like this; run make record:\ntest 3: %s", got, want)
	}
}

func TestAcceptanceTestsAsJSON(t *testing.T) {
	temp := emptyTemp(t)
	useFaasd(t)
	code, out, errs := faasctl("test", "2", "--json", "--verbose")
	var got struct {
		State string              `json:"state"`
		Tests []acceptance.Result `json:"tests"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != config.ExitOK || errs != "" {
		t.Fatalf("exit code %d, %q, %v in %s", code, errs, err, out)
	}
	if got.State != "passed" || len(got.Tests) != 1 || got.Tests[0].Number != 2 || got.Tests[0].State != "passed" || len(got.Tests[0].Steps) < 4 {
		t.Errorf("want test 2 passed: %s", out)
	}
	if logs := got.Tests[0].RoleLogs; len(logs) != 7 || !strings.Contains(logs["worker1"], "joined queue") {
		t.Errorf("want the logs of seven roles, got %s", out)
	}
	mustBeEmpty(t, temp)
}

// alteredEcho is a faasd whose workers do not give back what they were given.
func alteredEcho(t *testing.T) (flags []string) {
	t.Helper()
	file, err := filepath.Abs("../../internal/function/function.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	altered := strings.Replace(string(source), "Body: in.Body}", `Body: []byte("no echo")}`, 1)
	if altered == string(source) {
		t.Fatalf("%s has changed; what is to be altered is not there", file)
	}
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: filepath.Join(dir, "altered.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"altered.go": altered, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-overlay", filepath.Join(dir, "overlay.json")}
}

func TestAFailureSaysWhatWasExpectedWhatWasSeenAndWhereTheLogsAre(t *testing.T) {
	temp := emptyTemp(t)
	useFaasd(t, alteredEcho(t)...)
	report := filepath.Join(t.TempDir(), "report.xml")
	code, out, errs := faasctl("test", "1", "--verbose", "--junit", report)
	if code != config.ExitFailed || errs != "faasctl test: test 1 failed\n" {
		t.Errorf("exit code %d, %q, want 1 and one line", code, errs)
	}
	for _, want := range []string{
		"\n  FAILED  0.00 s  POST /echo is answered with its own body\n",
		`expected: 200 with the body {"hola":"mundo ✓"`, "seen: 200 with the body no echo\n",
		"\n  log of queueA:\n", "worker joined",
	} {
		if !strings.Contains(steady(out), want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	_, logs, _ := strings.Cut(out, "; the logs are in ")
	logs = strings.TrimSpace(logs)
	if _, err := os.Stat(filepath.Join(logs, "queueA.log")); err != nil || filepath.Dir(logs) != temp {
		t.Errorf("the folder that is named is %q: %v", logs, err)
	}
	text, err := os.ReadFile(report)
	if err != nil || !strings.Contains(string(text), `failures="1"`) || !strings.Contains(string(text), "seen: 200 with the body no echo") {
		t.Errorf("%v, the report has %s", err, text)
	}
}

func TestWrongUsageOfTestStartsNothing(t *testing.T) {
	temp := emptyTemp(t)
	t.Setenv("FAASD_BIN", "/nonexistent/faasd")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"test", "5"}, config.ExitUsage, `no test "5": write a number from 1 to 4, or all`},
		{[]string{"test", "0", "1"}, config.ExitUsage, `no test "0"`},
		{[]string{"test", "some"}, config.ExitUsage, `no test "some"`},
		{[]string{"test", "--fast"}, config.ExitUsage, "unknown flag --fast"},
		{[]string{"test", "1"}, config.ExitFailed, `FAASD_BIN "/nonexistent/faasd"`},
	} {
		code, out, errs := faasctl(c.args...)
		if code != c.code || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d, %q, %q; want %d and one line with %q", c.args, code, out, errs, c.code, c.says)
		}
	}
	t.Setenv("FAASD_BIN", os.Args[0])
	code, out, errs := faasctl("test", "--junit", temp+"/none/report.xml")
	if code != config.ExitFailed || out != "" || !strings.Contains(errs, "--junit") {
		t.Errorf("a report that cannot be written: exit code %d, %q, %q", code, out, errs)
	}
	mustBeEmpty(t, temp)
}

// startTest starts `faasctl test` as a program of its own.
func startTest(t *testing.T, args ...string) *proc.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := proc.Start(ctx, proc.Spec{
		Bin: binary(t, "faasctl"), Args: append([]string{"test"}, args...), Env: []string{"FAASD_BIN=" + os.Getenv("FAASD_BIN")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.KillGroup() })
	return p
}

// awaitOutput waits until the program has printed what is wanted.
func awaitOutput(t *testing.T, p *proc.Process, want string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !strings.Contains(p.Tail(100), want) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %s: %q in %s", patience, want, p.Tail(100))
		}
	}
}

// interrupt sends what Ctrl-C sends, and checks that nothing is left.
func interrupt(t *testing.T, p *proc.Process, code int) {
	t.Helper()
	pids, err := p.Descendants()
	if err != nil || len(pids) == 0 {
		t.Fatalf("it has processes %v, %v", pids, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait(ctx)
	if p.ExitCode() != code {
		t.Errorf("it ended with %s, want exit code %d: %s", p.Ended(), code, p.Tail(100))
	}
	if err := proc.WaitGone(ctx, pids...); err != nil {
		t.Error(err)
	}
}

func TestCtrlCLeavesNothing(t *testing.T) {
	temp := emptyTemp(t)
	useFaasd(t)
	p := startTest(t, "3", "4")
	awaitOutput(t, p, "killed with SIGKILL")
	interrupt(t, p, config.ExitInterrupted)
	if !strings.Contains(p.Tail(100), "stopped") {
		t.Errorf("it does not say that it was stopped: %s", p.Tail(100))
	}
	mustBeEmpty(t, temp)
}

func TestKeptSystemsRunUntilCtrlC(t *testing.T) {
	temp := emptyTemp(t)
	useFaasd(t)
	p := startTest(t, "1", "--keep")
	awaitOutput(t, p, "Ctrl-C ends")
	out := p.Tail(100)
	urls := regexp.MustCompile(`curl -i -d hello (http://\S+)/echo`).FindStringSubmatch(out)
	status := regexp.MustCompile(`faasctl (status --coordinator \S+)`).FindStringSubmatch(out)
	if urls == nil || status == nil {
		t.Fatalf("it does not say how to look at it: %s", out)
	}
	if res, err := http.Get(urls[1] + "/healthz"); err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", res, err)
	}
	if code, out, errs := faasctl(strings.Fields(status[1])...); code != config.ExitOK || !strings.Contains(out, "worker3") {
		t.Errorf("faasctl %s: exit code %d, %s, %s", status[1], code, out, errs)
	}
	interrupt(t, p, config.ExitOK)
	mustBeEmpty(t, temp)
}
