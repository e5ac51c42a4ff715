package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/registry"
)

// fake is a deployer that does what the test says.
type fake struct {
	deploy   func(ctx context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(string)) (Report, error)
	all      []Function
	rollback func(name string, version uint32) (Report, error)
	err      error // of the rest
}

func (f *fake) Deploy(ctx context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(string)) (Report, error) {
	return f.deploy(ctx, name, m, pkg, progress)
}

func (f *fake) Functions(context.Context) ([]Function, error) { return f.all, f.err }

func (f *fake) Function(_ context.Context, name string) (Function, error) {
	i := slices.IndexFunc(f.all, func(fn Function) bool { return fn.Name == name })
	if i < 0 {
		return Function{}, fmt.Errorf("function %s: %w", name, registry.ErrNoFunction)
	}
	return f.all[i], f.err
}

func (f *fake) Rollback(_ context.Context, name string, version uint32, progress func(string)) (Report, error) {
	progress("going back")
	return f.rollback(name, version)
}

func (f *fake) Remove(_ context.Context, name string, progress func(string)) (Report, error) {
	progress("removing")
	return Report{Function: name, Version: 3, Revision: 9}, f.err
}

// serve serves the deployer at the address and returns a client for it.
func serve(t *testing.T, d Deployer, address string) *Client {
	t.Helper()
	l, err := Listen(address)
	check(t, err)
	if address == "127.0.0.1:0" {
		address = l.Addr().String()
	}
	s := NewServer(d)
	ended := make(chan error)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		check(t, s.Close())
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	c, err := NewClient(address)
	check(t, err)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func manifest() registry.Manifest {
	return registry.Manifest{Kind: registry.KindExec, Command: []string{"./main"}, Timeout: 1000, Memory: 1 << 28, Concurrency: 1, Env: map[string]string{"A": "<1>"}}
}

func socket(t *testing.T) string { return unixPrefix + filepath.Join(t.TempDir(), "admin.sock") }

func TestADeployArrivesWhole(t *testing.T) {
	content := strings.Repeat("0123456789", 1<<16)
	var report Report
	d := &fake{deploy: func(_ context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(string)) (Report, error) {
		text, err := io.ReadAll(pkg)
		if name != "resize" || !reflect.DeepEqual(m, manifest()) || string(text) != content || err != nil {
			t.Errorf("%s, %+v, %d bytes, %v", name, m, len(text), err)
		}
		for i := range 60 {
			progress(fmt.Sprintf("%d of 60 é\n", i))
		}
		return report, nil
	}}
	for _, address := range []string{socket(t), "127.0.0.1:0"} {
		c := serve(t, d, address)
		for _, report = range []Report{
			{Function: "resize", Version: 2, Previous: 1, Revision: 8, Workers: 2, Behind: []string{"worker w3"}},
			{Function: "resize", Version: 2, Unchanged: true, Revision: 8, Workers: 2},
		} {
			var lines []string
			got, err := c.Deploy(t.Context(), "resize", manifest(), strings.NewReader(content), func(line string) { lines = append(lines, line) })
			if err != nil || !reflect.DeepEqual(got, report) {
				t.Errorf("%s: %+v, %v, want %+v", address, got, err, report)
			}
			if len(lines) != 60 || lines[59] != "59 of 60 é?" {
				t.Errorf("%s: %q", address, lines)
			}
			if _, err := c.Deploy(t.Context(), "resize", manifest(), strings.NewReader(content), nil); err != nil {
				t.Errorf("without progress: %v", err)
			}
		}
	}
}

func TestAPackageIsNotHeldInMemory(t *testing.T) {
	arrived := make(chan string)
	d := &fake{deploy: func(_ context.Context, _ string, _ registry.Manifest, pkg io.Reader, _ func(string)) (Report, error) {
		b := make([]byte, 5)
		for range 2 {
			if _, err := io.ReadFull(pkg, b); err != nil {
				return Report{}, err
			}
			arrived <- string(b)
		}
		_, err := io.Copy(io.Discard, pkg)
		return Report{}, err
	}}
	c := serve(t, d, socket(t))
	r, w := io.Pipe()
	ended := make(chan error)
	go func() {
		_, err := c.Deploy(t.Context(), "f", manifest(), r, nil)
		ended <- err
	}()
	for _, part := range []string{"first", "later"} {
		_, err := io.WriteString(w, part)
		check(t, err)
		if got := <-arrived; got != part {
			t.Errorf("%q, want %q", got, part)
		}
	}
	check(t, w.Close())
	check(t, <-ended)
}

func TestWhatIsAskedForIsAnswered(t *testing.T) {
	m := manifest()
	all := []Function{
		{Function: registry.Function{Name: "a", Current: 1, Versions: []registry.Version{{Number: 1, State: registry.StateReady}}}, Workers: 3, Manifest: &m},
		{Function: registry.Function{Name: "b", Versions: []registry.Version{{Number: 1, State: registry.StateFailed, Reason: "x"}}}},
	}
	var asked []string
	d := &fake{all: all, rollback: func(name string, version uint32) (Report, error) {
		asked = append(asked, fmt.Sprintf("%s %d", name, version))
		return Report{Function: name, Version: 1, Previous: 2}, nil
	}}
	c := serve(t, d, socket(t))
	if got, err := c.Functions(t.Context()); err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Function(t.Context(), "a"); err != nil || !reflect.DeepEqual(got, all[0]) {
		t.Errorf("%+v, %v", got, err)
	}
	var lines []string
	tell := func(line string) { lines = append(lines, line) }
	for _, version := range []uint32{0, 7} {
		if got, err := c.Rollback(t.Context(), "a", version, tell); err != nil || !reflect.DeepEqual(got, Report{Function: "a", Version: 1, Previous: 2}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got, err := c.Remove(t.Context(), "a", tell); err != nil || got.Revision != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	if !slices.Equal(asked, []string{"a 0", "a 7"}) || !slices.Equal(lines, []string{"going back", "going back", "removing"}) {
		t.Errorf("%q, %q", asked, lines)
	}
	d.all = nil
	if got, err := c.Functions(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEveryErrorHasItsAnswerAndComesBackAsItself(t *testing.T) {
	d := &fake{}
	c := serve(t, d, socket(t))
	large := strings.Repeat("x", 4<<20) // more than a socket's buffer: what refuses early is heard all the same
	for _, tt := range []struct {
		err    error
		status int
		kind   string
	}{
		{registry.ErrNoFunction, 404, "unknown-function"},
		{registry.ErrNoVersion, 404, "unknown-version"},
		{registry.ErrBusy, 409, "deploy-under-way"},
		{ErrOtherStore, 409, "other-store"},
		{ErrUnheard, 503, "no-queue"},
		{registry.ErrTooLarge, 413, "package-too-large"},
		{registry.ErrManifest, 422, "invalid-manifest"},
		{registry.ErrPackage, 422, "broken-package"},
		{registry.ErrCorrupt, 422, "corrupt-package"},
		{registry.ErrFull, 507, "disk-full"},
	} {
		d.deploy = func(context.Context, string, registry.Manifest, io.Reader, func(string)) (Report, error) {
			return Report{}, fmt.Errorf("why: %w", tt.err)
		}
		_, err := c.Deploy(t.Context(), "f", manifest(), strings.NewReader(large), nil)
		var p *Problem
		if !errors.As(err, &p) || p.Status != tt.status || p.Type != typePrefix+tt.kind || !errors.Is(err, tt.err) || !strings.HasPrefix(err.Error(), "why: ") {
			t.Errorf("%v: %+v, %v", tt.err, p, err)
		}
		if (p.Limit == registry.MaxPackage) != (tt.status == 413) {
			t.Errorf("%v: limit %d", tt.err, p.Limit)
		}
	}
	d.err = errors.New("something else")
	_, err := c.Functions(t.Context())
	var p *Problem
	if !errors.As(err, &p) || p.Status != 500 || err.Error() != "something else" {
		t.Errorf("%v", err)
	}
}

func TestAFunctionThatDoesNotStartIsToldWithItsLog(t *testing.T) {
	want := &StartError{Function: "f", Version: 2, Previous: 1, Failures: []StartFailure{{"w1", "exit status 1", "no module named x\n"}, {"w2", "exit status 1", ""}}}
	d := &fake{deploy: func(context.Context, string, registry.Manifest, io.Reader, func(string)) (Report, error) {
		return Report{}, fmt.Errorf("deploy: %w", want)
	}}
	_, err := serve(t, d, socket(t)).Deploy(t.Context(), "f", manifest(), strings.NewReader("x"), nil)
	var start *StartError
	if !errors.As(err, &start) || !reflect.DeepEqual(start, want) {
		t.Errorf("%+v, want %+v", start, want)
	}
	const text = "deploy: version 2 of f does not start on worker w1: exit status 1 (likewise on 1 more); version 1 stays"
	var p *Problem
	if !errors.As(err, &p) || p.Status != 422 || err.Error() != text {
		t.Errorf("%+v", p)
	}
}

func TestADeployerKnowsWhenNobodyWaits(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	d := &fake{deploy: func(ctx context.Context, _ string, _ registry.Manifest, pkg io.Reader, _ func(string)) (Report, error) {
		defer close(ended)
		_, err := io.Copy(io.Discard, pkg)
		close(began)
		<-ctx.Done()
		return Report{}, err
	}}
	c := serve(t, d, socket(t))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if _, err := c.Deploy(ctx, "f", manifest(), strings.NewReader("x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-ended
}

func TestAClientSaysWhenNoFaasdAnswers(t *testing.T) {
	c, err := NewClient(socket(t))
	check(t, err)
	if _, err := c.Functions(t.Context()); !errors.Is(err, syscall.ENOENT) || !errors.Is(err, ErrNoListener) || !strings.Contains(err.Error(), "no such file or directory; start one there (faasd up, or faasd frontend --store DIR)") {
		t.Errorf("%v", err)
	}
	for _, status := range []int{200, 404} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>")
		}))
		defer other.Close()
		c, err = NewClient(other.Listener.Addr().String())
		check(t, err)
		if _, err := c.Functions(t.Context()); err == nil || !errors.Is(err, ErrNoListener) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, err := NewClient("example.com:80"); err == nil {
		t.Error("a client for another host")
	}
}

// An ssh that leads to a port where nobody listens takes connections, and closes
// them, or nothing comes.
func TestAClientIsNotHeldUpByWhoDoesNotAnswer(t *testing.T) {
	for want, serve := range map[string]func(net.Conn){
		"the connection ended without an answer (":         func(c net.Conn) { _ = c.Close() },
		"no answer within 50ms; see that faasd runs there": func(net.Conn) {},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		var taken []net.Conn
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				taken = append(taken, c)
				serve(c)
			}
		}()
		c, err := NewClient(l.Addr().String())
		check(t, err)
		c.within = 50 * time.Millisecond
		if _, err := c.Function(t.Context(), "f"); !errors.Is(err, ErrNoListener) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		check(t, l.Close())
		<-ended
		for _, c := range taken {
			_ = c.Close()
		}
	}
}

func TestTheListenerIsForThisUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	first, err := Listen(unixPrefix + path)
	check(t, err)
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %#o", info.Mode().Perm())
	}
	if _, err := Listen(unixPrefix + path); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("while one listens: %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as one that is killed leaves it
	check(t, first.Close())
	second, err := Listen(unixPrefix + path)
	check(t, err)
	check(t, second.Close())
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o600))
	if _, err := Listen(unixPrefix + path); err == nil || !strings.Contains(err.Error(), "something other") {
		t.Errorf("on a file: %v", err)
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, good := range []string{"127.0.0.1:0", "127.1.2.3:80", "localhost:3001", "[::1]:3001", "unix:/run/x"} {
		if err := ValidAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", ":3001", "0.0.0.0:3001", "[::]:3001", "192.168.0.1:3001", "example.com:80", "localhost", "localhost:x", "127.0.0.1:99999", "unix:", "unix:" + strings.Repeat("x", 108), "/run/x"} {
		if err := ValidAddress(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if _, err := Listen(bad); err == nil {
			t.Errorf("%q is listened on", bad)
		}
	}
}
