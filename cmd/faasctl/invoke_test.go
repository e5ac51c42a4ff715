package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// normal replaces what differs from run to run.
func normal(text string) string {
	for _, r := range []struct{ what, by string }{
		{`[0-9A-HJKMNP-TV-Z]{26}`, "JOB"}, {`\bw-[0-9a-f]{6}\b`, "WORKER"}, {`\bqueue[A-C]\b`, "QUEUE"},
		{`127\.0\.0\.1:\d+`, "ADDRESS"}, {`in [0-9.]+(µs|ms|s)`, "in TIME"}, {`("milliseconds": )[0-9.]+`, "${1}TIME"},
	} {
		text = regexp.MustCompile(r.what).ReplaceAllString(text, r.by)
	}
	return text
}

func TestInvoke(t *testing.T) {
	data, bin := t.TempDir(), binary(t, "faasctl")
	at := httpOf(t, startUp(t, data))
	picture(t, data, "three workers", func(p operator.Picture) bool { return p.Totals.Workers == 3 })
	every := make([]byte, 1<<20)
	for i := range every {
		every[i] = byte(i)
	}
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, every, 0o600); err != nil {
		t.Fatal(err)
	}
	in := strings.NewReader

	const served = "200 OK in TIME by WORKER on QUEUE, attempt 1, job JOB\n"
	for _, tt := range []struct {
		name string
		in   *strings.Reader
		args []string
		want string
	}{
		{"text", in("not read"), []string{"--body", "hello"}, "hello"},
		{"an empty text", in("not read"), []string{"--body", ""}, ""},
		{"a file", in("not read"), []string{"--body", "@" + file}, string(every)},
		{"standard input", in("piped\n"), nil, "piped\n"},
		{"standard input, named", in("piped"), []string{"--body", "-"}, "piped"},
		{"nothing", nil, nil, ""},
		{"a frontend that is named", in(""), []string{"--body", "x", "--url", at + "/"}, "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runProgram(t, tt.in, bin, append([]string{"invoke", "echo", "--data", data}, tt.args...)...)
			if got.code != config.ExitOK || got.out != tt.want || normal(got.err) != served {
				t.Errorf("exit code %d, %d bytes %.60q, want %d\n%s", got.code, len(got.out), got.out, len(tt.want), got.err)
			}
		})
	}

	var lines strings.Builder
	for _, tt := range []struct{ body, args string }{
		{"hello", "echo --body - --content-type text/plain"},
		{"", "echo"},
		{"<a>&", "echo --json --content-type text/html"},
		{"\xff\x00", "echo --json"},
		{"", "echo --json"},
		{"", "nosuch"},
		{"", "nosuch --json"},
		{"", "functions"},
		{"", "a/b"},
		{"", ""},
		{"", "echo too-many"},
		{"", "echo --body @absent"},
		{"", "echo --body @/"},
		{"", "echo --url localhost"},
		{"", "echo --timeout soon"},
		{"", "echo --timeout -1s"},
		{"", "echo --bodi x"},
	} {
		got := runProgram(t, in(tt.body), bin, append([]string{"invoke", "--data", data}, strings.Fields(tt.args)...)...)
		fmt.Fprintf(&lines, "$ faasctl invoke %s\n%s\n[standard error] %s[exit code %d]\n\n", tt.args, normal(got.out), normal(got.err), got.code)
	}
	golden(t, "invoke.txt", lines.String())
}

func TestInvokeEndsAtOnceWhenInterruptedAndTheJobIsCancelled(t *testing.T) {
	data := t.TempDir()
	startUp(t, data, "--workers", "0")
	cmd := exec.Command(binary(t, "faasctl"), "invoke", "echo", "--body", "x", "--data", data)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	picture(t, data, "one job waiting", func(p operator.Picture) bool { return p.Totals.Waiting == 1 })
	interrupted := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code, took := cmd.ProcessState.ExitCode(), time.Since(interrupted); code != config.ExitInterrupted || took > 3*time.Second || out.Len()+errs.Len() > 0 {
		t.Errorf("exit code %d after %s, %q, %q; want 130 at once and no word", code, took, &out, &errs)
	}
	picture(t, data, "no job waiting", func(p operator.Picture) bool { return p.Totals.Waiting == 0 })

	got := runProgram(t, nil, binary(t, "faasctl"), "invoke", "echo", "--data", data, "--timeout", "200ms")
	if got.code != config.ExitFailed || !strings.Contains(got.err, "504 Gateway Timeout") || !strings.Contains(got.err, "no answer within 200ms") || strings.Count(got.err, "\n") != 1 {
		t.Errorf("exit code %d, %q; want one line that says 504 and why", got.code, got.err)
	}
}

// Whoever waits for a cluster can stop waiting.
func TestLookingForAClusterCanBeInterrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(binary(t, "faasctl"), "status", "--coordinator", "tcp://"+l.Addr().String(), "--within", "1m")
	cmd.Env = environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != nil { // it is looking
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != config.ExitInterrupted {
		t.Errorf("exit code %d, want 130", code)
	}
}

func TestNoClusterIsSaidWithin3Seconds(t *testing.T) {
	bin := binary(t, "faasctl")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.Addr().String()
	defer l.Close()
	for _, args := range [][]string{
		{"status", "--data", "{none}"},
		{"status", "--coordinator", "tcp://" + silent},
		{"status", "--coordinator", "tcp://nosuch.invalid:5555"},
		{"invoke", "echo", "--data", "{none}"},
		{"invoke", "echo", "--coordinator", "tcp://" + silent},
		{"invoke", "echo", "--url", "http://127.0.0.1:1"},
		{"invoke", "echo", "--url", "http://nosuch.invalid"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "{none}", t.TempDir())
			}
			began := time.Now()
			got := runProgram(t, nil, bin, args...)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("took %s, want 3 s at most", took)
			}
			if got.code != config.ExitNoCluster || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, "faasd") {
				t.Errorf("exit code %d, %q, %q; want 3 and one line that says how to start one", got.code, got.out, got.err)
			}
		})
	}
}

func TestInvokeOfWhatIsNoFrontend(t *testing.T) {
	sent := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent <- r.Header.Clone()
		_, _ = io.Copy(io.Discard, r.Body) // a server notices only then that the client is gone
		switch r.URL.Path {
		case "/own-error":
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("X-Faasd-Attempt", "2")
			w.Header().Set("X-Faasd-Worker", "w1")
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"detail":"mine"}`)
		case "/escape":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"detail":"a\u001b[2Jb\nc"}`)
		case "/moved":
			http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
		case "/gone":
			panic(http.ErrAbortHandler)
		case "/half":
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "half")
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(299)
		}
	}))
	defer server.Close()
	for function, want := range map[string]struct {
		code      int
		out, errs string
	}{
		"own-error": {1, `{"detail":"mine"}`, "500 Internal Server Error in TIME by w1 on -, attempt 2; the function failed; its own words are on standard output"},
		"escape":    {1, "", "503 Service Unavailable in TIME; a?[2Jb; c"},
		"moved":     {1, "", "307 Temporary Redirect in TIME; no answer of a faasd frontend; see that --url names one"},
		"gone":      {1, "", "no answer from the frontend at http://ADDRESS: the connection ended; the function may have run, see faasctl status"},
		"half":      {1, "", "no answer from the frontend at http://ADDRESS: the connection ended; the function may have run, see faasctl status"},
		"slow":      {1, "", "no answer from the frontend at http://ADDRESS: nothing within TIME, though its deadline was 10ms; the function may have run, see faasctl status"},
		"fine":      {0, "", "299 in TIME"},
	} {
		code, out, errs := faasctl("invoke", function, "--body", "x", "--content-type", "a/b", "--url", server.URL, "--timeout", "10ms")
		errs = strings.TrimPrefix(strings.TrimSuffix(normal(errs), "\n"), "faasctl invoke: ")
		if code != want.code || out != want.out || errs != want.errs {
			t.Errorf("%s: exit code %d, %q, %q\nwant %d, %q, %q", function, code, out, errs, want.code, want.out, want.errs)
		}
		if header := <-sent; header.Get("Content-Type") != "a/b" || header.Get("X-Timeout") != "10ms" || header.Get("Accept-Encoding") != "" {
			t.Errorf("%s: sent %v", function, header)
		}
	}
}

func TestTheFrontendIsChosenThatCanBeReached(t *testing.T) {
	for _, tt := range []struct{ picture, want string }{
		{`[]`, "the cluster has no frontend; start one with `faasd frontend`, or name one that this machine reaches with --url"},
		{`[{"name":"f","state":"ok","host":"here","frontend":{"http":"127.0.0.1:3000"}}]`, "http://127.0.0.1:3000"},
		{`[{"name":"f","state":"ok","host":"here","frontend":{"http":"0.0.0.0:3000"}}]`, "http://127.0.0.1:3000"},
		{`[{"name":"f","state":"ok","host":"here","frontend":{"http":"[::]:3000"}}]`, "http://127.0.0.1:3000"},
		{`[{"name":"f","state":"ok","host":"there","frontend":{"http":"[::]:3000"}}]`, "http://there:3000"},
		{`[{"name":"f","state":"ok","host":"there","frontend":{"http":"10.0.0.5:3000"}}]`, "http://10.0.0.5:3000"},
		{`[{"name":"f","state":"ok","host":"there","frontend":{"http":"[fd00::5]:3000"}}]`, "http://[fd00::5]:3000"},
		{`[{"name":"f","state":"ok","host":"there","frontend":{"http":"127.0.0.1:3000"}}]`, "frontend f listens only for its own host there, on 127.0.0.1:3000; start it with an --http that others reach, or name one that this machine reaches with --url"},
		{`[{"name":"f","state":"ok","host":"there","frontend":{"http":"nonsense"}}]`, `frontend f says that it listens on "nonsense", which is no address; see its version, or name one that this machine reaches with --url`},
		{`[{"name":"f","state":"lost","host":"here","frontend":{"http":"127.0.0.1:1"}},{"name":"g","state":"draining","host":"here","frontend":{"http":"127.0.0.1:2"}},
		   {"name":"h","state":"ok","host":"here","frontend":{"http":"127.0.0.1:3"}},{"name":"i","state":"ok","host":"here"}]`, "http://127.0.0.1:3 http://127.0.0.1:2"},
	} {
		var parts []operator.Part
		if err := json.Unmarshal([]byte(tt.picture), &parts); err != nil {
			t.Fatal(err)
		}
		got, err := choose(parts, "here")
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.picture, text, tt.want)
		}
	}
}

// A frontend that has just died is passed over.
func TestTheNextFrontendIsCalledIfOneCannotBeReached(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	c := invoke{function: []string{"echo"}}
	c.within = time.Second
	a, err := c.call(context.Background(), []string{"http://127.0.0.1:1", server.URL}, nil)
	if err != nil || a.URL != server.URL+"/echo" {
		t.Errorf("%+v, %v", a, err)
	}
}
