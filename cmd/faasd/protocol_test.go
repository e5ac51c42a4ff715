package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	dump, _, _ := strings.Cut(block(t, "dump: job"), "frame 1: meta,")
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
	python := findPython(t)
	simple, resilient := block(t, "worker: simple"), block(t, "worker: resilient")
	one := proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Frontends: 1}
	two := proc.Layout{Coordinators: 1, Brokers: 1, Queues: 2, Frontends: 1}

	var running sync.WaitGroup
	defer running.Wait()
	scenario := func(name string, layout proc.Layout, play func(*shouters)) {
		running.Go(func() {
			t.Run(name, func(t *testing.T) { play(newShouters(t, python, layout)) })
		})
	}

	scenario("the simple one serves, and can be watched", one, func(s *shouters) {
		watcher := s.python3(block(t, "watcher"), s.coordinator())
		s.says(watcher, "snapshot/", `"role":"queue"`)
		s.serves(simple)
		s.says(watcher, "event/queue/queueA/", `"kind":"worker-joined"`)
		s.says(watcher, "detail/queue/queueA/", `"kind":"req"`)
		s.says(watcher, "state/queue/queueA/", `"done":54`)
	})

	scenario("the resilient one serves and finishes on Ctrl-C", one, func(s *shouters) {
		idle := s.serves(resilient)
		s.interrupt(idle)
		s.endsInOrder(idle)

		h := newHold(s.t)
		busy := s.worker(h.slow(resilient))
		asked := s.call("the last one")
		h.awaitBusy(busy)
		s.interrupt(busy)
		h.release()
		s.endsInOrder(busy)
		s.shouted(<-asked, busy, 1)
	})

	scenario("a worker killed while busy loses no job", two, func(s *shouters) {
		h := newHold(s.t)
		a, b := s.worker(h.slow(simple)), s.worker(h.slow(simple))
		asked := s.call("twice")
		if h.awaitBusy(a, b) == b {
			a, b = b, a
		}
		kill(s.t, a.Pid())
		h.awaitBusy(b)
		h.release()
		s.shouted(<-asked, b, 2)
	})

	// A job that never reached its worker has not been started: of the three
	// attempts none is used up.
	scenario("three workers killed while idle cost a job no attempt", one, func(s *shouters) {
		var dead []*proc.Process
		for range 3 {
			dead = append(dead, s.worker(simple))
		}
		for _, w := range dead {
			if err := w.Signal(syscall.SIGKILL); err != nil {
				s.t.Fatal(err)
			}
		}
		for _, w := range dead {
			<-w.Exited()
		}
		asked := s.call("survived by it") // before the next ping tells of the deaths
		eventually(s.t, patience, func() error {
			state, err := s.state()
			if err == nil && (state.Workers != 0 || state.Waiting != 1) {
				err = fmt.Errorf("%d workers and %d waiting jobs, want the one job and none to run it", state.Workers, state.Waiting)
			}
			return err
		})
		fourth := s.worker(simple)
		s.shouted(<-asked, fourth, 1)
	})

	scenario("a queue is killed while its worker is idle", one, func(s *shouters) {
		const nobody = "tcp://127.0.0.1:1"
		w := s.worker(resilient, nobody, s.apart.Endpoints("broker", "workers")[0])
		s.shouted(<-s.call("before"), w, 1)
		s.crash("queueA")
		s.shouted(<-s.call("after"), w, 1)
	})

	scenario("a queue is killed while its worker is busy", one, func(s *shouters) {
		h := newHold(s.t)
		w := s.worker(h.slow(resilient))
		asked := s.call("held up")
		h.awaitBusy(w)
		s.crash("queueA")
		h.release()
		s.shouted(<-asked, w, anyAttempt)
		s.shouted(<-s.call("after"), w, 1)
	})

	scenario("a queue that stops sends its worker to another", two, func(s *shouters) {
		w := s.worker(resilient)
		first := s.shouted(<-s.call("before"), w, 1)
		began := time.Now()
		if err := s.part(first).Stop(deadline(s.t, patience)); err != nil {
			s.t.Fatal(err)
		}
		if second := s.shouted(<-s.call("after"), w, 1); second == first {
			s.t.Errorf("%s has stopped and still answers", first)
		}
		if took := time.Since(began); took >= 3*time.Second {
			s.t.Errorf("told to rejoin, the worker took %s, as if it had found out by itself", took)
		}
	})

	scenario("a worker is stopped for five seconds", one, func(s *shouters) {
		w := s.worker(resilient)
		s.shouted(<-s.call("before"), w, 1)
		if err := w.Pause(); err != nil {
			s.t.Fatal(err)
		}
		over := time.After(5 * time.Second)
		asked := s.call("meanwhile")
		s.awaitShouters(0)
		select {
		case a := <-asked:
			s.t.Fatalf("answered without a worker: %v", a)
		case <-over:
		}
		if err := w.Resume(); err != nil {
			s.t.Fatal(err)
		}
		s.shouted(<-asked, w, anyAttempt)
		s.shouted(<-s.call("after"), w, 1)
	})

	scenario("a broker is killed, then with its queue", one, func(s *shouters) {
		w := s.worker(resilient)
		s.shouted(<-s.call("before"), w, 1)
		s.crash("broker1")
		// A broker that has just begun cannot know whether a queue that it has never met had begun to run it.
		s.shouted(<-s.call("after"), w, 2)
		s.crash("queueA", "broker1")
		s.shouted(<-s.call("after all"), w, 2)
	})
}

// findPython returns a Python that can speak ZeroMQ: Debian's own, else the
// first in PATH, which may be another one without the package.
func findPython(t *testing.T) string {
	t.Helper()
	var tried strings.Builder
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(python, "-c", "import zmq").CombinedOutput()
		if err == nil {
			return python
		}
		fmt.Fprintf(&tried, "%s: %v\n%s", python, err, out)
	}
	t.Fatalf("no Python here has pyzmq: run  scripts/deps --test  (make test does), which installs python3-zmq\n%s", &tried)
	return ""
}

// shouters is a system whose only workers are Python's, which serve the
// function shout.
type shouters struct {
	*system
	t      *testing.T
	python string
	calls  sync.WaitGroup
}

func newShouters(t *testing.T, python string, layout proc.Layout) *shouters {
	s := &shouters{system: startApart(t, layout), t: t, python: python}
	t.Cleanup(s.calls.Wait) // what is still asked ends with the test's context
	return s
}

// worker starts a worker and waits until the frontend has heard of it.
func (s *shouters) worker(source string, brokers ...string) *proc.Process {
	s.t.Helper()
	if len(brokers) == 0 {
		brokers = s.apart.Endpoints("broker", "workers")
	}
	before, err := s.state()
	if err != nil {
		s.t.Fatal(err)
	}
	w := s.python3(source, brokers...)
	s.awaitShouters(before.Workers + 1)
	return w
}

// python3 starts a Python program, for as long as the test runs.
func (s *shouters) python3(source string, args ...string) *proc.Process {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "shown.py")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		s.t.Fatal(err)
	}
	p, err := proc.Start(deadline(s.t, patience), proc.Spec{
		Name: "the Python program", Bin: s.python, Args: append([]string{file}, args...),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := p.KillGroup(); err != nil {
			s.t.Error(err)
		}
		if s.t.Failed() {
			s.t.Logf("Python, process %d, said:\n%.4000s", p.Pid(), p.Tail(20))
		}
	})
	return p
}

// says waits for a line that begins and goes on like that.
func (s *shouters) says(p *proc.Process, begin, further string) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		for line := range strings.Lines(p.Tail(200)) {
			if strings.HasPrefix(line, begin) && strings.Contains(line, further) {
				return nil
			}
		}
		return fmt.Errorf("no line has begun with %s and held %s", begin, further)
	})
}

// state is how the function is, as the frontend sees it.
func (s *shouters) state() (functionState, error) {
	var state functionState
	resp, err := s.client.Get(s.url + "/functions/shout")
	if err != nil {
		return state, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return state, nil
	}
	return state, json.NewDecoder(resp.Body).Decode(&state)
}

func (s *shouters) awaitShouters(n int) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		state, err := s.state()
		if err == nil && state.Workers != n {
			err = fmt.Errorf("%d Python workers have joined, want %d", state.Workers, n)
		}
		return err
	})
}

// unknown waits until the frontend knows that nobody serves the function, which
// one that has just begun does not.
func (s *shouters) unknown() {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		if a := s.post("anybody?"); a.status != http.StatusNotFound {
			return fmt.Errorf("before any worker has announced the function: %v, want status 404", a)
		}
		return nil
	})
}

// serves puts one worker to the test in a system that has no other.
func (s *shouters) serves(source string) *proc.Process {
	s.t.Helper()
	s.unknown()
	w := s.worker(source)
	for _, body := range []string{"", "x", strings.Repeat("0123456789abcdef", 1<<16), "\x00\xff\r\n"} {
		s.shouted(<-s.call(body), w, 1)
	}
	for i := range 50 {
		s.shouted(<-s.call(fmt.Sprintf("call number %d", i)), w, 1)
	}
	return w
}

// An outcry is an answer and what it answers.
type outcry struct {
	reply
	asked string
}

func (a outcry) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("status %d, %d bytes %.300q, %v", a.status, len(a.body), a.body, a.header)
}

func (s *shouters) post(body string) outcry {
	return outcry{s.do(s.t.Context(), request{path: "/shout", contentType: "text/plain", body: []byte(body)}), body}
}

// call calls the function. Like a patient client it tries again as long as the
// frontend takes no request, because it has no broker or has not heard of the
// function.
func (s *shouters) call(body string) <-chan outcry {
	answers := make(chan outcry, 1)
	s.calls.Go(func() {
		again := time.NewTicker(lookEvery)
		defer again.Stop()
		a := s.post(body)
		for began := time.Now(); a.status == http.StatusNotFound || a.status == http.StatusServiceUnavailable; a = s.post(body) {
			if time.Since(began) > patience {
				break
			}
			<-again.C
		}
		answers <- a
	})
	return answers
}

const anyAttempt = 0

// shouted checks that an answer is right and comes from w, by that attempt. It
// returns the queue.
func (s *shouters) shouted(a outcry, w *proc.Process, attempt int) (queue string) {
	s.t.Helper()
	if a.err != nil || a.status != http.StatusOK || string(a.body) != upper(a.asked) {
		s.t.Fatalf("%.40q was answered with %v", a.asked, a)
	}
	if want := fmt.Sprintf("shouter-%d", w.Pid()); a.worker() != want {
		s.t.Fatalf("%.40q was answered by worker %q, want %q", a.asked, a.worker(), want)
	}
	if got := a.header.Get("X-Faasd-Attempt"); attempt != anyAttempt && got != strconv.Itoa(attempt) {
		s.t.Fatalf("%.40q was answered by attempt %s, want %d", a.asked, got, attempt)
	}
	if !slices.Contains(s.apart.Names("queue"), a.queue()) {
		s.t.Fatalf("%.40q was answered by queue %q, which is none of %v", a.asked, a.queue(), s.apart.Names("queue"))
	}
	return a.queue()
}

// upper is Python's bytes.upper: what is not ASCII stays.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// crash kills parts and, once all are dead, starts them again where they were.
func (s *shouters) crash(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := s.part(name).Kill(); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, name := range names {
		if _, err := s.apart.Start(deadline(s.t, patience), name); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *shouters) interrupt(w *proc.Process) {
	s.t.Helper()
	if err := w.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
}

// endsInOrder waits until a worker has ended, which it does with exit code 0
// and without a word.
func (s *shouters) endsInOrder(w *proc.Process) {
	s.t.Helper()
	if err := w.Wait(deadline(s.t, patience)); err != nil {
		s.t.Fatal(err)
	}
	if said := w.Tail(20); said != "" {
		s.t.Errorf("the worker ended with: %s", said)
	}
	s.awaitShouters(0)
}

// A hold makes functions slow: they end when they are released.
type hold struct {
	t    testing.TB
	dir  string
	gate string // a file; while it exists, functions wait
}

func newHold(t testing.TB) *hold {
	t.Helper()
	dir := t.TempDir()
	h := &hold{t, dir, filepath.Join(dir, "gate")}
	if err := os.WriteFile(h.gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

var upperCall = regexp.MustCompile(`([\w\[\]]+)\.upper\(\)`)

// slow is the source of a worker whose function says that it runs and waits to
// be released.
func (h *hold) slow(source string) string {
	h.t.Helper()
	if n := len(upperCall.FindAllString(source, -1)); n != 1 {
		h.t.Fatalf("the worker calls upper() %d times, want once", n)
	}
	return fmt.Sprintf(`
def held(body):
    import os, time
    open(os.path.join(%q, str(os.getpid())), "w").close()
    while os.path.exists(%q):
        time.sleep(0.01)
    return body.upper()

`, h.dir, h.gate) + upperCall.ReplaceAllString(source, "held($1)")
}

// awaitBusy waits until the function of one of the workers runs, and says whose.
func (h *hold) awaitBusy(workers ...*proc.Process) (busy *proc.Process) {
	h.t.Helper()
	eventually(h.t, patience, func() error {
		for _, w := range workers {
			if _, err := os.Stat(filepath.Join(h.dir, strconv.Itoa(w.Pid()))); err == nil {
				busy = w
				return nil
			}
		}
		return errors.New("no worker has begun to run the function")
	})
	return busy
}

func (h *hold) release() {
	h.t.Helper()
	if err := os.Remove(h.gate); err != nil {
		h.t.Fatal(err)
	}
}
