package compose

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"faasd/internal/operator"
)

// unpack puts what comes by standard input into a folder, and deploys that: it
// is how docs/DEPLOYING.md does it.
const unpack = `d=$(mktemp -d) && tar -x -C "$d" && faasctl deploy "$0" "$d" && rm -r "$d"`

// deploy deploys a script in the container of front.
func (p *project) deploy(t *testing.T, name, script string) {
	t.Helper()
	var folder bytes.Buffer
	w := tar.NewWriter(&folder)
	text := "#!/bin/sh\n" + script + "\n"
	if err := w.WriteHeader(&tar.Header{Name: "main.sh", Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := p.run(within(t), folder.Bytes(), "exec", "-T", "front", "sh", "-c", unpack, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out)
}

// call posts a body to a function.
func (p *project) call(t *testing.T, function, body string) (status int, text string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, "http://"+p.frontends()[0]+"/"+function, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

// answers waits until a call has the answer that is wanted.
func (p *project) answers(t *testing.T, function, body, want string) {
	t.Helper()
	eventually(t, soon, func() string {
		if status, text, err := p.call(t, function, body); status != http.StatusOK || text != want {
			return fmt.Sprintf("%s answered %d, %q, %v; want %q", function, status, text, err, want)
		}
		return ""
	})
}

// deployed deploys a function as a user does, and sees that it outlives every
// container.
func deployed(t *testing.T, p *project) {
	p.deploy(t, "hello", `read name; echo -n "hello, $name"`)
	p.answers(t, "hello", "Ada\n", "hello, Ada")
	if out := p.compose(t, "exec", "-T", "front", "faasctl", "functions"); !strings.Contains(out, "hello") {
		t.Errorf("faasctl functions shows:\n%s", out)
	}
	p.compose(t, "up", "-d", "--no-build", "--force-recreate", "--scale", "worker=3")
	whole(t, p)
	p.answers(t, "hello", "Bob\n", "hello, Bob")
	// The screen itself needs a terminal; this is one look at what it shows.
	if out := p.compose(t, "exec", "-T", "front", "faasctl", "top", "--once"); !strings.Contains(out, "queueC") {
		t.Errorf("faasctl top shows:\n%s", out)
	}
}

// stopped has calls that take their time under way while services are stopped.
func stopped(t *testing.T, p *project) {
	p.deploy(t, "slow", "sleep 2; cat")
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			finish := p.slowly(t)
			p.compose(t, "restart", service)
			finish()
			whole(t, p)
			p.answers(t, "echo", "here", "here")
		})
	}
	t.Run("all", func(t *testing.T) {
		finish := p.slowly(t)
		p.compose(t, "stop")
		finish()
	})
}

// slowly begins to call slow, and returns once the calls run; finish waits until
// they are answered.
func (p *project) slowly(t *testing.T) (finish func()) {
	t.Helper()
	const calls = 10
	view := p.watch(t)
	var group sync.WaitGroup
	for n := range calls {
		group.Go(func() {
			want := fmt.Sprintf("call %d", n)
			if status, text, err := p.call(t, "slow", want); status != http.StatusOK || text != want {
				t.Errorf("%s was answered %d, %q, %v", want, status, text, err)
			}
		})
	}
	picture, err := view.Until(within(t), func(p operator.Picture) bool { return p.Totals.Running == calls })
	if err != nil {
		t.Errorf("%d calls run, want %d: %v", picture.Totals.Running, calls, err)
	}
	return group.Wait
}

// The image alone is a whole system, also where nothing may be written but the
// folders that are for it.
func TestTheImageRunsTheWholeSystemInOneContainer(t *testing.T) {
	needsEngine(t)
	name := fmt.Sprintf("faasd-up-%d", os.Getpid())
	port := freePort(t)
	id := mustDocker(t, "run", "-d", "--init", "--name", name, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
		"-p", "127.0.0.1:"+port+":3000", "-v", name+":/var/lib/faasd/data", os.Getenv(imageVariable), "up")
	t.Cleanup(func() {
		mustDocker(t, "rm", "-f", id)
		mustDocker(t, "volume", "rm", name)
	})
	p := &project{host: "127.0.0.1", port: port}
	p.answers(t, "echo", "whole", "whole")
	if out := mustDocker(t, "exec", id, "faasctl", "status"); !strings.Contains(out, "queueC") {
		t.Errorf("faasctl status shows:\n%s", out)
	}
	mustDocker(t, "exec", id, "sh", "-c", "cd /tmp && faasctl init hi --lang sh && faasctl deploy hi hi")
	p.answers(t, "hi", "Ada\n", "hello, Ada\n")
	mustDocker(t, "stop", id)
	if code := mustDocker(t, "inspect", "-f", "{{.State.ExitCode}}", id); code != "0" {
		t.Errorf("it ended with %s", code)
	}
}
