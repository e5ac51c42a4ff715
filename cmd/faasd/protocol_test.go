package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faasd/internal/proc"
)

// docs/PROTOCOL.md is held against the program here: its dump and its table of
// the header against the bytes on the wire, its Python workers by running them,
// as they stand there, in a system of real processes.

func protocol(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the fenced block that follows <!-- marker --> in the document.
func block(t *testing.T, marker string) string {
	t.Helper()
	fenced := regexp.MustCompile("(?ms)^<!-- " + regexp.QuoteMeta(marker) + " -->\n+```[a-z]*\n(.*?)^```$")
	found := fenced.FindAllStringSubmatch(protocol(t), -1)
	if len(found) != 1 {
		t.Fatalf("docs/PROTOCOL.md has %d blocks marked %q, want one", len(found), marker)
	}
	return found[0][1]
}

func TestProtocolShowsTheBytesOfTheGoldenFile(t *testing.T) {
	golden, err := os.ReadFile("../../internal/wire/testdata/job.hex")
	if err != nil {
		t.Fatal(err)
	}
	if shown := block(t, "dump: job"); shown != string(golden) {
		t.Errorf("docs/PROTOCOL.md shows\n%s\nand the job is on the wire as\n%s", shown, golden)
	}
}

// TestProtocolTableOfTheHeader holds the table's offsets and sizes together, and
// its example values against the dump.
func TestProtocolTableOfTheHeader(t *testing.T) {
	dump, _, _ := strings.Cut(block(t, "dump: job"), "meta,")
	var header []byte
	for _, row := range regexp.MustCompile(`(?m)^ *\d+  ([0-9a-f ]{48})`).FindAllStringSubmatch(dump, -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(row[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		header = append(header, b...)
	}
	at := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (\\d+) \\| (\\d+) \\| ([^|]+) \\| `([0-9a-f ]+)` \\|").FindAllStringSubmatch(protocol(t), -1) {
		offset, _ := strconv.Atoi(row[1])
		size, _ := strconv.Atoi(row[2])
		if offset != at || offset+size > len(header) {
			t.Fatalf("the field %q is said to be at %d, %d bytes long; the one before ends at %d, the header at %d",
				row[3], offset, size, at, len(header))
		}
		at += size
		shown, err := hex.DecodeString(strings.ReplaceAll(row[4], " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", row[3], err)
		}
		if got := header[offset:at]; !bytes.Equal(got, shown) && !(len(shown) == 1 && bytes.Equal(got, make([]byte, size)) && shown[0] == 0) {
			t.Errorf("%s is said to be % x, the dump has % x", row[3], shown, got)
		}
	}
	if at != len(header) || at == 0 {
		t.Errorf("the table ends at %d, the header in the dump at %d", at, len(header))
	}
}

// TestPythonWorkers runs the scenarios at the same time, however many
// processors there are: most of their time they wait.
func TestPythonWorkers(t *testing.T) {
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	python := findPython(t)
	simple, resilient := block(t, "worker: simple"), block(t, "worker: resilient")

	var running sync.WaitGroup
	defer running.Wait()
	scenario := func(name string, layout proc.Layout, play func(*cluster)) {
		running.Go(func() {
			t.Run(name, func(t *testing.T) { play(newCluster(t, bin, python, layout)) })
		})
	}
	one := proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Frontends: 1}
	two := proc.Layout{Coordinators: 1, Brokers: 1, Queues: 2, Frontends: 1}

	scenario("the simple one serves", one, func(c *cluster) { c.serves(simple) })
	scenario("the resilient one serves and finishes on Ctrl-C", one, func(c *cluster) {
		w := c.serves(resilient)
		c.endsInOrder(w, func() { c.interrupt(w) })

		h := c.hold()
		w = c.worker(h.slow(resilient))
		asked := c.call("the last one")
		h.awaitBusy(w)
		c.endsInOrder(w, func() {
			c.interrupt(w)
			h.release()
		})
		c.answered(<-asked, w, 1)
	})
	scenario("a worker killed while busy loses no job", two, func(c *cluster) {
		h := c.hold()
		a, b := c.worker(h.slow(simple)), c.worker(h.slow(simple))
		asked := c.call("twice")
		if h.awaitBusy(a, b) == b {
			a, b = b, a
		}
		c.kill(a)
		h.awaitBusy(b)
		h.release()
		c.answered(<-asked, b, 2)
	})
	scenario("a queue is killed while its worker is idle", one, func(c *cluster) {
		w := c.worker(resilient)
		c.answered(<-c.call("before"), w, 1)
		c.restart("queueA")
		c.answered(<-c.call("after"), w, 1)
	})
	scenario("a queue is killed while its worker is busy", one, func(c *cluster) {
		h := c.hold()
		w := c.worker(h.slow(resilient))
		asked := c.call("held up")
		h.awaitBusy(w)
		c.restart("queueA")
		h.release()
		c.answered(<-asked, w, 0)
		c.answered(<-c.call("after"), w, 1)
	})
	scenario("a queue that stops sends its worker to another", two, func(c *cluster) {
		w := c.worker(resilient)
		first := c.answered(<-c.call("before"), w, 1)
		began := time.Now()
		if err := c.Process(first).Stop(c.ctx); err != nil {
			c.t.Fatal(err)
		}
		if second := c.answered(<-c.call("after"), w, 1); second == first {
			c.t.Errorf("%s has stopped and still answers", first)
		}
		if took := time.Since(began); took > 3*time.Second {
			c.t.Errorf("told to rejoin, the worker took %s", took)
		}
	})
	scenario("a worker is stopped for five seconds", one, func(c *cluster) {
		w := c.worker(resilient)
		c.answered(<-c.call("before"), w, 1)
		began := time.Now()
		if err := w.Pause(); err != nil {
			c.t.Fatal(err)
		}
		asked := c.call("meanwhile")
		c.await("the queue to miss the worker", func() bool { return c.workers() == 0 })
		c.await("five seconds to pass", func() bool { return time.Since(began) > 5*time.Second })
		select {
		case a := <-asked:
			c.t.Fatalf("answered without a worker: %v", a)
		default:
		}
		if err := w.Resume(); err != nil {
			c.t.Fatal(err)
		}
		c.answered(<-asked, w, 0)
		c.answered(<-c.call("after"), w, 1)
	})
	scenario("a broker is killed, then with its queue", one, func(c *cluster) {
		w := c.worker(resilient, "tcp://127.0.0.1:1", c.Endpoints("broker", "workers")[0]) // nobody listens on the first
		c.answered(<-c.call("before"), w, 1)
		c.restart("broker1")
		c.answered(<-c.call("after"), w, 1)
		c.restart("queueA", "broker1")
		c.answered(<-c.call("after all"), w, 1)
	})
}

// findPython returns a Python that can speak ZeroMQ: Debian's own, else the
// first in PATH, which may be another one without the package.
func findPython(t *testing.T) string {
	t.Helper()
	var tried []string
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(python, "-c", "import zmq").CombinedOutput()
		if err == nil {
			return python
		}
		tried = append(tried, fmt.Sprintf("%s: %v\n%s", python, err, out))
	}
	t.Fatalf("no Python with pyzmq is here; run  scripts/deps --test  (make test does), which installs python3-zmq\n%s",
		strings.Join(tried, ""))
	return ""
}

// within bounds every wait. The longest that the protocol promises is 3 s of
// silence and then a second to begin anew.
const within = 20 * time.Second

// cluster is a running system without workers of its own.
type cluster struct {
	*proc.System
	t      *testing.T
	ctx    context.Context // ends before the test is given up
	python string
	url    string
	client http.Client
	calls  sync.WaitGroup
}

func newCluster(t *testing.T, bin, python string, layout proc.Layout) *cluster {
	ctx, cancel := context.WithTimeout(t.Context(), 2*within)
	t.Cleanup(cancel)
	layout.Bin, layout.Dir = bin, t.TempDir()
	layout.Env = []string{runAsFaasd + "=1", "GORACE=atexit_sleep_ms=0"}
	system, err := proc.StartSystem(ctx, layout)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{System: system, t: t, ctx: ctx, python: python, url: system.URLs()[0]}
	t.Cleanup(func() {
		c.calls.Wait() // the test's context has ended, and with it what is still asked
		c.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := system.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			c.showLogs()
		}
	})
	return c
}

func (c *cluster) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(c.Logs(), "*.log"))
	for _, name := range logs {
		text, _ := os.ReadFile(name)
		c.t.Logf("%s:\n%s", filepath.Base(name), text)
	}
}

// worker starts a Python worker and waits until its function is known.
func (c *cluster) worker(source string, brokers ...string) *proc.Process {
	c.t.Helper()
	if len(brokers) == 0 {
		brokers = c.Endpoints("broker", "workers")
	}
	file := filepath.Join(c.t.TempDir(), "worker.py")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		c.t.Fatal(err)
	}
	before := c.workers()
	w, err := proc.Start(c.ctx, proc.Spec{
		Name: "python worker", Bin: c.python, Args: append([]string{file}, brokers...),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := w.KillGroup(); err != nil {
			c.t.Error(err)
		}
		if c.t.Failed() {
			c.t.Logf("worker %d said:\n%s", w.Pid(), w.Tail(20))
		}
	})
	c.await("the worker to join", func() bool {
		select {
		case <-w.Exited():
			c.t.Fatalf("the worker has ended: %v", w.Wait(c.ctx))
		default:
		}
		return c.workers() > before
	})
	return w
}

var workersOfShout = regexp.MustCompile(`"workers":(\d+)`)

// workers returns how many workers of the function the frontend knows of.
func (c *cluster) workers() int {
	c.t.Helper()
	a := c.do(http.MethodGet, "/functions/shout", nil)
	if a.status == http.StatusNotFound {
		return 0
	}
	found := workersOfShout.FindSubmatch(a.body)
	if a.err != nil || found == nil {
		c.t.Fatalf("GET /functions/shout: %v", a)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// serves puts one worker to the test in a system that has no other.
func (c *cluster) serves(source string) *proc.Process {
	c.t.Helper()
	if a := c.do(http.MethodPost, "/shout", strings.NewReader("anybody?")); a.status != http.StatusNotFound {
		c.t.Fatalf("before any worker announced the function: %v, want status 404", a)
	}
	w := c.worker(source)
	for _, body := range []string{"", "x", strings.Repeat("Es war einmal. ", 1<<20/15+1)[:1<<20], "\x00\xff\r\n"} {
		c.answered(<-c.call(body), w, 1)
	}
	for i := range 50 {
		c.answered(<-c.call(fmt.Sprintf("call number %d", i)), w, 1)
	}
	return w
}

type answer struct {
	asked  string
	status int
	head   http.Header
	body   []byte
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("status %d, %d bytes %.200q, %v", a.status, len(a.body), a.body, a.head)
}

func (c *cluster) do(method, path string, body io.Reader) (a answer) {
	var r *http.Request
	if r, a.err = http.NewRequestWithContext(c.ctx, method, c.url+path, body); a.err != nil {
		return a
	}
	r.Header.Set("X-Timeout", within.String())
	var response *http.Response
	if response, a.err = c.client.Do(r); a.err != nil {
		return a
	}
	defer response.Body.Close()
	a.status, a.head = response.StatusCode, response.Header
	a.body, a.err = io.ReadAll(response.Body)
	return a
}

// call calls the function. Like a patient client it tries again as long as the
// frontend refuses to take the request, which it does while it has no broker or
// has not heard of the function.
func (c *cluster) call(body string) <-chan answer {
	answers := make(chan answer, 1)
	c.calls.Go(func() {
		var a answer
		err := c.poll("the request to be accepted", func() bool {
			a = c.do(http.MethodPost, "/shout", strings.NewReader(body))
			return a.err != nil || a.status != http.StatusNotFound && a.status != http.StatusServiceUnavailable
		})
		a.asked, a.err = body, errors.Join(a.err, err)
		answers <- a
	})
	return answers
}

// shouted is what Python's bytes.upper makes of s: it leaves alone what is not
// ASCII.
func shouted(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// answered checks that an answer is right and comes from w, which it does on
// the given attempt; 0 is any. It returns the queue.
func (c *cluster) answered(a answer, w *proc.Process, attempt int) (queue string) {
	c.t.Helper()
	if a.err != nil || a.status != http.StatusOK || string(a.body) != shouted(a.asked) {
		c.t.Fatalf("%.40q was answered with %v", a.asked, a)
	}
	if name, want := a.head.Get("X-Faasd-Worker"), fmt.Sprintf("shouter-%d", w.Pid()); name != want {
		c.t.Fatalf("%.40q was answered by worker %q, want %q", a.asked, name, want)
	}
	if got := a.head.Get("X-Faasd-Attempt"); attempt != 0 && got != strconv.Itoa(attempt) {
		c.t.Fatalf("%.40q was answered by attempt %s, want %d", a.asked, got, attempt)
	}
	queue = a.head.Get("X-Faasd-Queue")
	if p := c.Process(queue); p == nil || !strings.HasPrefix(queue, "queue") {
		c.t.Fatalf("%.40q was answered by queue %q, which is none of %v", a.asked, queue, c.Names("queue"))
	}
	return queue
}

// kill ends a process as a crash would.
func (c *cluster) kill(p *proc.Process) {
	c.t.Helper()
	if err := p.Kill(); err != nil {
		c.t.Fatal(err)
	}
}

// restart kills parts and, once all are dead, starts them on their old ports.
func (c *cluster) restart(names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.kill(c.Process(name))
	}
	for _, name := range names {
		if _, err := c.Start(c.ctx, name); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *cluster) interrupt(w *proc.Process) {
	c.t.Helper()
	if err := w.Signal(syscall.SIGINT); err != nil {
		c.t.Fatal(err)
	}
}

// endsInOrder lets a worker be told to end, and waits until it has, with exit
// code 0 and without a word.
func (c *cluster) endsInOrder(w *proc.Process, tell func()) {
	c.t.Helper()
	tell()
	ctx, cancel := context.WithTimeout(c.ctx, within)
	defer cancel()
	if err := w.Wait(ctx); err != nil {
		c.t.Fatal(err)
	}
	if said := w.Tail(20); said != "" {
		c.t.Errorf("the worker ended with: %s", said)
	}
	c.await("the queue to miss the worker", func() bool { return c.workers() == 0 })
}

// await waits for a condition.
func (c *cluster) await(what string, is func() bool) {
	c.t.Helper()
	if err := c.poll(what, is); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) poll(what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(c.ctx, within)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

// hold makes functions slow: they end when they are released.
type hold struct {
	c   *cluster
	dir string
}

func (c *cluster) hold() *hold {
	h := &hold{c, c.t.TempDir()}
	if err := os.WriteFile(h.gate(), nil, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return h
}

func (h *hold) gate() string { return filepath.Join(h.dir, "gate") }

var upper = regexp.MustCompile(`([\w\[\]]+)\.upper\(\)`)

// slow is the source of a worker whose function waits to be released.
func (h *hold) slow(source string) string {
	h.c.t.Helper()
	if n := len(upper.FindAllString(source, -1)); n != 1 {
		h.c.t.Fatalf("the worker calls upper() %d times, want once", n)
	}
	return fmt.Sprintf(`
def held(body):
    import os, time
    open(os.path.join(%q, str(os.getpid())), "w").close()
    while os.path.exists(%q):
        time.sleep(0.01)
    return body.upper()

`, h.dir, h.gate()) + upper.ReplaceAllString(source, "held($1)")
}

// awaitBusy waits until the function of one of the workers runs, and says whose.
func (h *hold) awaitBusy(workers ...*proc.Process) (busy *proc.Process) {
	h.c.t.Helper()
	h.c.await("the function to run", func() bool {
		for _, w := range workers {
			if _, err := os.Stat(filepath.Join(h.dir, strconv.Itoa(w.Pid()))); err == nil {
				busy = w
			}
		}
		return busy != nil
	})
	return busy
}

func (h *hold) release() {
	if err := os.Remove(h.gate()); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.c.t.Error(err)
	}
}
