package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// newExec makes a function of a script, its body in the first argument; change
// may change its settings.
func newExec(t testing.TB, g *Guard, script string, change func(*Config)) *Exec {
	t.Helper()
	c := Config{
		Name: "fn", Version: 3, Code: t.TempDir(), Command: []string{"sh", "-c", script},
		MaxOutput: 6 << 20, Work: t.TempDir(), Guard: g, Logs: new(logs.Ring), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c)
	}
	e := NewExec(c)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(c.Work); err != nil || len(left) > 0 {
			t.Errorf("left in the working folder: %v, %v", left, err)
		}
	})
	return e
}

func invoke(t testing.TB, e *Exec, body string) (function.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return e.Invoke(ctx, function.Invocation{Job: "job1", Attempt: 2, Function: "fn", ContentType: "text/x-test", Body: []byte(body)})
}

func TestABodyGoesInAndAnAnswerComesOut(t *testing.T) {
	g := newGuard(t)
	large := strings.Repeat("large body ", 500000)
	for _, c := range []struct{ name, script, body, want, contentType string }{
		{"text", "cat", "hello", "hello", "text/plain; charset=utf-8"},
		{"JSON", "cat", `{"a":1}`, `{"a":1}`, "application/json"},
		{"HTML", "echo '<html></html>'", "", "<html></html>\n", "text/html; charset=utf-8"},
		{"nothing", "", "", "", "text/plain; charset=utf-8"},
		{"large", "cat", large, large, "text/plain; charset=utf-8"},
		{"a body nobody reads", "echo done", large, "done\n", "text/plain; charset=utf-8"},
		{"a body read in part", "head -c 5", large, "large", "text/plain; charset=utf-8"},
		{"standard input closed", "exec <&-; echo done", large, "done\n", "text/plain; charset=utf-8"},
		{"standard output closed", "exec >&-; cat >/dev/null", large, "", "text/plain; charset=utf-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := invoke(t, newExec(t, g, c.script, nil), c.body)
			if err != nil || string(res.Body) != c.want || res.ContentType != c.contentType {
				t.Errorf("%.80q of type %s, %v", res.Body, res.ContentType, err)
			}
		})
	}
	e := newExec(t, g, "cat", func(c *Config) { c.ContentType = "image/png" })
	if res, err := invoke(t, e, "{}"); err != nil || res.ContentType != "image/png" {
		t.Errorf("with a type set: %s, %v", res.ContentType, err)
	}
}

func TestAnExitCodeIsAnErrorWithTheEndOfStandardError(t *testing.T) {
	g := newGuard(t)
	for _, c := range []struct{ script, want string }{
		{"echo ignored; echo no such thing >&2; exit 3", "no such thing\n"},
		{"exit 4", "exit status 4\n"},
		{"seq 100000 >&2; exit 5", "\n99999\n100000\n"},
		{`printf 'bad \377' >&2; exit 6`, "bad \uFFFD"},
	} {
		res, err := invoke(t, newExec(t, g, c.script, nil), "")
		var own *function.Error
		if !errors.As(err, &own) || res.Body != nil {
			t.Errorf("%s: %q, %v", c.script, res.Body, err)
			continue
		}
		if !strings.HasSuffix(string(own.Body), c.want) || len(own.Body) > tailSize || own.ContentType != "text/plain; charset=utf-8" {
			t.Errorf("%s: %q of type %s", c.script, own.Body, own.ContentType)
		}
	}
}

func wantFailure(t *testing.T, err error, kind, text string) {
	t.Helper()
	var f *function.Failure
	if !errors.As(err, &f) || f.Type != kind || !strings.Contains(f.Message, text) {
		t.Errorf("%v, want a failure of type %s with %q", err, kind, text)
	}
}

func TestWhatIsNoAnswerIsAFailure(t *testing.T) {
	g := newGuard(t)
	_, err := invoke(t, newExec(t, g, "kill -SEGV $$", nil), "")
	wantFailure(t, err, function.TypeExit, "signal: segmentation fault")
	_, err = invoke(t, newExec(t, g, "", func(c *Config) { c.Command = []string{"nonexistent"} }), "")
	wantFailure(t, err, function.TypeInit, "no program nonexistent")
	_, err = invoke(t, newExec(t, g, leak, func(c *Config) { c.Memory = 64 << 20 }), "")
	wantFailure(t, err, function.TypeMemory, "64 MiB")
}

// A function that prints without end is killed where its answer is too long, and
// costs no more than that.
func TestAnAnswerThatIsTooLongIsAFailure(t *testing.T) {
	g := newGuard(t)
	for _, script := range []string{"head -c 1000000000 /dev/zero", "yes"} {
		e := newExec(t, g, script, func(c *Config) { c.MaxOutput = 1 << 20 })
		start := time.Now()
		_, err := invoke(t, e, "")
		wantFailure(t, err, function.TypeTooLong, "1048576 bytes")
		t.Logf("%s: %v", script, time.Since(start))
	}
}

func TestAGigabyteOnStandardErrorIsNotKept(t *testing.T) {
	e := newExec(t, newGuard(t), "head -c 1000000000 /dev/zero >&2; echo >&2; echo the end >&2; exit 1", nil)
	start := time.Now()
	_, err := invoke(t, e, "")
	var own *function.Error
	if !errors.As(err, &own) || !strings.HasSuffix(string(own.Body), "\x00\nthe end\n") {
		t.Fatalf("%.100v", err)
	}
	t.Log(time.Since(start))
	size := 0
	for _, l := range e.Logs.Since(0, "job1", 10*logs.RingSize) {
		size += len(l.Text)
	}
	if size == 0 || size > logs.RingSize {
		t.Errorf("%d bytes of it are kept", size)
	}
}

func TestStandardErrorIsLoggedWithItsJob(t *testing.T) {
	e := newExec(t, newGuard(t), "echo one >&2; printf two >&2", nil)
	if _, err := invoke(t, e, ""); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range e.Logs.Since(0, "job1", logs.RingSize) {
		got = append(got, l.Stream+" "+l.Text)
	}
	if fmt.Sprint(got) != "[stderr one stderr two]" {
		t.Errorf("the log is %q", got)
	}
}

// Whoever keeps the output open when the program has ended does not keep the
// call.
func TestADescendantDoesNotKeepTheCall(t *testing.T) {
	e := newExec(t, newGuard(t), "setsid sleep 610 & echo $!; echo done", nil)
	res, err := invoke(t, e, "")
	var pid int
	if _, scanned := fmt.Sscanf(string(res.Body), "%d\ndone\n", &pid); err != nil || scanned != nil {
		t.Fatalf("%q, %v", res.Body, err)
	}
	awaitGone(t, pid)
}

func TestTheEndOfTheContextKillsTheTree(t *testing.T) {
	g := newGuard(t)
	e := newExec(t, g, runaways, nil)
	// What it prints is not to be had before it ends, but its folder is.
	e.Command = []string{"sh", "-c", "exec >$FAASD_CODE/out; " + runaways}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := e.Invoke(ctx, function.Invocation{Body: bytes.Repeat([]byte("x"), 1<<20)})
		result <- err
	}()
	out := &output{}
	out.written.L = &out.mu
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for range ticker.C {
			if ctx.Err() != nil {
				return
			}
			data, _ := os.ReadFile(filepath.Join(e.Code, "out"))
			out.mu.Lock()
			out.buf.Reset()
			out.buf.Write(data)
			out.written.Broadcast()
			out.mu.Unlock()
		}
	}()
	list := pids(t, out, runawayNames...)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
	awaitGone(t, list...)
	short, done := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer done()
	if _, err := newExec(t, g, "trap '' TERM; sleep 611", nil).Invoke(short, function.Invocation{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past its deadline it says %v", err)
	}
}

func TestACallHasAFolderOfItsOwn(t *testing.T) {
	g := newGuard(t)
	e := newExec(t, g, `pwd; echo "$HOME"; echo "$TMPDIR"; ls -A | wc -l; mkdir -p closed/inner; echo x >file; chmod 0 closed`, nil)
	seen := make(map[string]bool)
	for range 2 {
		res, err := invoke(t, e, "")
		words := strings.Fields(string(res.Body))
		if err != nil || len(words) != 4 || words[0] != words[1] || words[0] != words[2] || words[3] != "0" ||
			filepath.Dir(words[0]) != e.Work || seen[words[0]] {
			t.Fatalf("%q, %v", words, err)
		}
		seen[words[0]] = true
	}
}

func TestCloseWaitsForCallsAndThenKillsThem(t *testing.T) {
	g := newGuard(t)
	e := newExec(t, g, "touch $FAASD_CODE/started; exec sleep 612", nil)
	result := make(chan error)
	go func() {
		_, err := e.Invoke(t.Context(), function.Invocation{})
		result <- err
	}()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !isFile(filepath.Join(e.Code, "started")) {
		<-ticker.C
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	closed := make(chan error)
	go func() { closed <- e.Close(ctx) }()
	wantFailure(t, <-result, function.TypeExit, "stopped")
	if err := <-closed; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close says %v", err)
	}
	_, err := e.Invoke(t.Context(), function.Invocation{})
	wantFailure(t, err, function.TypeExit, "takes no calls")
}

// A function that harms all that it can does not harm another.
func TestAnotherFunctionGoesOn(t *testing.T) {
	g := newGuard(t)
	victim := newExec(t, g, "cat", nil)
	var harm sync.WaitGroup
	for _, script := range []string{leak, "yes", "yes >&2", "exit 1", "kill -9 $$", "setsid sleep 613 & exit 0"} {
		e := newExec(t, g, script, func(c *Config) { c.Memory = 64 << 20 })
		harm.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _ = e.Invoke(ctx, function.Invocation{})
		})
	}
	done := make(chan struct{})
	go func() { harm.Wait(); close(done) }()
	for n := 0; n < 50 || !isClosed(done); n++ {
		body := fmt.Sprint("call ", n)
		if res, err := invoke(t, victim, body); err != nil || string(res.Body) != body {
			t.Errorf("call %d: %q, %v", n, res.Body, err)
		}
	}
}

// What one call of a program costs that does nothing, beside what it costs to
// run one at all.
func BenchmarkExec(b *testing.B) {
	call := func(b *testing.B, bare bool) func() {
		g := newGuard(b)
		g.bare = bare
		e := newExec(b, g, "", func(c *Config) { c.Command = []string{"/bin/true"} })
		return func() {
			if _, err := invoke(b, e, "{}"); err != nil {
				b.Error(err)
			}
		}
	}
	run := func(b *testing.B) func() {
		return func() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		call func(b *testing.B) func()
	}{
		{"os/exec", run},
		{"without cgroups", func(b *testing.B) func() { return call(b, true) }},
		{"as the machine allows", func(b *testing.B) func() { return call(b, false) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			one := c.call(b)
			one() // starts the guard
			for b.Loop() {
				one()
			}
		})
		b.Run(c.name+", many at a time", func(b *testing.B) {
			one := c.call(b)
			one()
			b.SetParallelism(8) // for each processor
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}

func TestWhyACallFailedIsInTheLogOfItsJob(t *testing.T) {
	g := newGuard(t)
	for script, want := range map[string]string{
		"exit 4": "exit status 4", "kill -SEGV $$": "signal: segmentation fault", "yes": "more than 1048576 bytes", leak: "more than its 64 MiB of memory",
	} {
		e := newExec(t, g, script, func(c *Config) { c.Memory, c.MaxOutput = 64<<20, 1<<20 })
		_, _ = invoke(t, e, "")
		var said []string
		for _, l := range e.Logs.Since(0, "job1", logs.RingSize) {
			if l.Stream == logs.System {
				said = append(said, l.Text)
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%.20s: %q, want one line with %q", script, said, want)
		}
	}
	e := newExec(t, g, "cat", nil)
	_, _ = invoke(t, e, "fine")
	if lines := e.Logs.Since(0, "", logs.RingSize); len(lines) > 0 {
		t.Errorf("of a call that did not fail: %+v", lines)
	}
}
