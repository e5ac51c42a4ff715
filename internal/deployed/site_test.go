package deployed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/proc"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// patience is how long is waited for what should not take a second.
const patience = 40 * time.Second

// A site is one way into a running system: a frontend, and where it lets deploy.
type site struct {
	t     *testing.T
	url   string
	admin *admin.Client
}

func newSite(t *testing.T, url, address string) *site {
	t.Helper()
	c, err := admin.NewClient(address)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, url, c}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until wrong finds nothing.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		what := wrong()
		if what == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after %s: %s", patience, what)
		}
	}
}

// An upSite is a running `faasd up`.
type upSite struct {
	*site
	process *proc.Process
	bin     string // the path that it was started by, which nobody else is
	data    string
}

// up starts `faasd up` on a data folder, with further flags.
func up(t *testing.T, data string, flags ...string) *upSite {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "faasd")
	if err := os.Link(faasd, bin); err != nil {
		t.Fatal(err)
	}
	p, err := proc.Start(t.Context(), proc.Spec{
		Bin: bin, LogFile: filepath.Join(t.TempDir(), "up.log"),
		Args: append([]string{"up", "--http", "127.0.0.1:0", "--data", data}, flags...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("up: %s", p.Tail(30))
			quote(t, filepath.Join(data, "logs"))
		}
		_ = p.KillGroup()
	})
	url, err := p.HTTP(within(t))
	if err != nil {
		t.Fatal(err)
	}
	running, err := config.ReadRunning(data)
	if err != nil {
		t.Fatal(err)
	}
	return &upSite{newSite(t, url, running.Admin), p, bin, data}
}

// quote shows the end of each log of a test that has failed.
func quote(t *testing.T, folder string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			t.Logf("the end of %s:\n%s", filepath.Base(file), text[max(0, len(text)-2000):])
		}
	}
}

// A spread is a system of separate processes; its frontends share a store.
type spread struct {
	*proc.System
	t    *testing.T
	work string // the workers' folder
}

// apart starts a system of separate processes.
func apart(t *testing.T, l proc.Layout) *spread {
	t.Helper()
	dir := t.TempDir()
	s := &spread{t: t, work: filepath.Join(dir, "work")}
	l.Bin, l.Dir = faasd, filepath.Join(dir, "logs")
	if err := os.Mkdir(l.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Args = map[string][]string{
		"frontend": {"--store", filepath.Join(dir, "store"), "--admin", "127.0.0.1:0", "--package-bind", "tcp://127.0.0.1:0"},
		"worker":   {"--work", s.work},
	}
	var err error
	if s.System, err = proc.StartSystem(within(t), l); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			quote(t, l.Dir)
		}
		_ = s.Kill()
	})
	return s
}

// site is the way in through a frontend, 1 or above, as it runs now.
func (s *spread) site(number int) *site {
	s.t.Helper()
	name := "frontend" + strconv.Itoa(number)
	return newSite(s.t, s.URLs()[number-1], s.Process(name).Bound("admin"))
}

// A version is what can be deployed.
type version struct {
	registry.Manifest
	pkg []byte
}

// pack makes a version of one executable file. Nothing is compressed, which the
// race detector would make slow.
func pack(t testing.TB, name string, content []byte, m registry.Manifest) version {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	head := &zip.FileHeader{Name: name, Method: zip.Store}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	m.Timeout, m.Memory, m.Concurrency = registry.DefaultTimeout.Milliseconds(), registry.DefaultMemory, registry.DefaultConcurrency
	m.Package, m.Size = registry.Digest(b.Bytes()), int64(b.Len())
	return version{m, b.Bytes()}
}

// behaves is a function that behaves so; see internal/chaos/guest.
func behaves(t testing.TB, kind registry.Kind, how ...string) version {
	t.Helper()
	content, err := os.ReadFile(guest)
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, "guest", content, registry.Manifest{Kind: kind, Command: append([]string{"./guest"}, how...)})
}

// says is a function that answers with a text; a body "await FILE" makes it
// wait for the file.
func says(t testing.TB, text string) version {
	t.Helper()
	return behaves(t, registry.KindLambda, "say", text)
}

// script is a shell script as a function.
func script(t testing.TB, text string) version {
	t.Helper()
	return pack(t, "main.sh", []byte("#!/bin/sh\n"+text), registry.Manifest{Kind: registry.KindExec, Command: []string{"./main.sh"}})
}

// tryDeploy deploys a function.
func (s *site) tryDeploy(name string, v version) (admin.Report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.admin.Deploy(ctx, name, v.Manifest, bytes.NewReader(v.pkg), nil)
}

// deploy deploys a function, which everybody is to serve then.
func (s *site) deploy(name string, v version) admin.Report {
	s.t.Helper()
	r, err := s.tryDeploy(name, v)
	if err != nil || len(r.Behind) > 0 {
		s.t.Fatalf("deploying %s: %v; behind are %v", name, err, r.Behind)
	}
	return r
}

// An answer is what came of a call.
type answer struct {
	status int // 0: none came
	text   string
	worker string
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return strconv.Itoa(a.status) + " " + strings.TrimSpace(a.text)
}

// clients is the HTTP client of all calls, with room for many at a time.
var clients = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}

// call calls a function.
func (s *site) call(ctx context.Context, name, body string) answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+name, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	resp, err := clients.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(text), resp.Header.Get("X-Faasd-Worker"), err}
}

// answers wants a call answered with a text.
func (s *site) answers(name, body, want string) {
	s.t.Helper()
	if a := s.call(within(s.t), name, body); a.status != http.StatusOK || a.text != want {
		s.t.Fatalf("%s answers %.300s, want %q", name, a, want)
	}
}

// comesToAnswer waits until a function answers with a text.
func (s *site) comesToAnswer(name, want string) {
	s.t.Helper()
	eventually(s.t, func() string {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience/4)
		defer cancel()
		if a := s.call(ctx, name, ""); a.status != http.StatusOK || a.text != want {
			return fmt.Sprintf("%s answers %.300s, want %q", name, a, want)
		}
		return ""
	})
}

// versions says which there are, as "1 ready, 2 failed; current 1".
func (s *site) versions(name string) string {
	s.t.Helper()
	f, err := s.admin.Function(within(s.t), name)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, v := range f.Versions {
		list = append(list, fmt.Sprintf("%d %s", v.Number, v.State))
	}
	return fmt.Sprintf("%s; current %d", strings.Join(list, ", "), f.Current)
}

// processes are the ids of those whose program is below a folder.
func processes(folder string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && strings.HasPrefix(exe, folder) {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}
