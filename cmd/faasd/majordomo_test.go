package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"faasd/internal/proc"
)

// A majordomo is `faasd up` with the workers of docs/PROTOCOL.md that speak
// ZeroMQ's RFC 7, all of them at queueA.
type majordomo struct {
	*shouters
	source string
}

func newMajordomo(t *testing.T, python string) *majordomo {
	data, err := os.MkdirTemp("", "faasd") // short, so that the sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(data); err != nil {
			t.Error(err)
		}
	})
	s := &shouters{system: startUpOn(t, data), t: t, python: python}
	t.Cleanup(s.calls.Wait)
	return &majordomo{s, block(t, "worker: majordomo")}
}

// queueA is where its workers go to.
func (m *majordomo) queueA() string { return "ipc://" + filepath.Join(m.data, "sockets", "queueA.ipc") }

// begin starts n workers and waits until the frontend has heard of all there are.
func (m *majordomo) begin(n int, source string) (workers []*proc.Process) {
	m.t.Helper()
	before, err := m.state()
	if err != nil {
		m.t.Fatal(err)
	}
	for range n {
		workers = append(workers, m.python3(source, m.queueA(), "shout"))
	}
	m.awaitShouters(before.Workers + n)
	return workers
}

// callAll makes n calls at the same time.
func (m *majordomo) callAll(n int) (all []<-chan outcry) {
	for i := range n {
		all = append(all, m.call(fmt.Sprintf("call number %d", i)))
	}
	return all
}

// served checks that an answer is right and comes from a worker of queueA, and
// returns its name and attempt.
func (m *majordomo) served(a outcry) (worker string, attempt int) {
	m.t.Helper()
	if a.err != nil || a.status != http.StatusOK || string(a.body) != upper(a.asked) {
		m.t.Fatalf("%.40q was answered with %v", a.asked, a)
	}
	if a.queue() != "queueA" || !strings.HasPrefix(a.worker(), "mdp-") || a.header.Get("Content-Type") != "text/plain" {
		m.t.Fatalf("%.40q was answered by %v", a.asked, a)
	}
	attempt, err := strconv.Atoi(a.header.Get("X-Faasd-Attempt"))
	if err != nil {
		m.t.Fatal(err)
	}
	return a.worker(), attempt
}

// allServed is served for many; it returns how many there were of each attempt, and
// who has answered how many.
func (m *majordomo) allServed(all []<-chan outcry) (attempts map[int]int, workers map[string]int) {
	m.t.Helper()
	attempts, workers = make(map[int]int), make(map[string]int)
	for _, answer := range all {
		worker, attempt := m.served(<-answer)
		attempts[attempt]++
		workers[worker]++
	}
	return attempts, workers
}

// killAll ends workers as crashes would, at the same time.
func (m *majordomo) killAll(workers []*proc.Process) {
	m.t.Helper()
	for _, w := range workers {
		if err := w.Signal(syscall.SIGKILL); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, w := range workers {
		<-w.Exited()
	}
}

// awaitAllBusy waits until the function runs at all of the workers.
func (h *hold) awaitAllBusy(workers []*proc.Process) {
	h.t.Helper()
	for _, w := range workers {
		h.awaitBusy(w)
	}
}

func TestMajordomoWorkers(t *testing.T) {
	python := findPython(t)
	var running sync.WaitGroup
	defer running.Wait()
	scenario := func(name string, play func(*majordomo)) {
		running.Go(func() {
			t.Run(name, func(t *testing.T) { play(newMajordomo(t, python)) })
		})
	}

	scenario("one serves, and can be watched", func(m *majordomo) {
		watcher := m.python3(block(m.t, "watcher"), m.coordinator())
		m.says(watcher, "snapshot/", `"role":"queue"`)
		m.unknown()
		m.begin(1, m.source)
		for _, body := range []string{"", "x", strings.Repeat("0123456789abcdef", 1<<16), "\x00\xff\r\n"} {
			m.served(<-m.call(body))
		}
		if attempts, workers := m.allServed(m.callAll(50)); attempts[1] != 50 || len(workers) != 1 {
			m.t.Errorf("answered at attempts %v by %v", attempts, workers)
		}
		m.says(watcher, "event/queue/queueA/", `"kind":"worker-joined","worker":"mdp-1"`)
		m.says(watcher, "detail/queue/queueA/", `"kind":"mdp"`)
	})

	scenario("one dies while idle, and another comes", func(m *majordomo) {
		m.killAll(m.begin(1, m.source))
		asked := m.call("survived by it") // before the next HEARTBEAT tells of the death
		m.awaitShouters(0)
		m.begin(1, m.source)
		if _, attempt := m.served(<-asked); attempt != 1 {
			m.t.Errorf("answered at attempt %d; the first worker was never given it", attempt)
		}
	})

	scenario("one dies while busy, and another comes", func(m *majordomo) {
		h := newHold(m.t)
		first := m.begin(1, h.slow(m.source))
		asked := m.call("twice")
		h.awaitAllBusy(first)
		m.killAll(first)
		m.awaitShouters(0)
		m.begin(1, m.source)
		if _, attempt := m.served(<-asked); attempt != 2 {
			m.t.Errorf("answered at attempt %d, want 2", attempt)
		}
	})

	scenario("twenty serve, and five of them die while idle", func(m *majordomo) {
		all := m.begin(20, m.source)
		if attempts, workers := m.allServed(m.callAll(200)); attempts[1] != 200 || len(workers) != 20 {
			m.t.Errorf("200 calls were answered at attempts %v by %v, want all twenty", attempts, workers)
		}
		m.killAll(all[:5])
		if attempts, workers := m.allServed(m.callAll(100)); attempts[1] != 100 || len(workers) > 15 {
			m.t.Errorf("100 calls were answered at attempts %v by %v", attempts, workers)
		}
		m.awaitShouters(15)
	})

	scenario("five of twenty die while busy", func(m *majordomo) {
		h := newHold(m.t)
		all := m.begin(20, h.slow(m.source))
		asked := m.callAll(20)
		h.awaitAllBusy(all)
		m.killAll(all[:5])
		m.awaitShouters(15)
		h.release()
		if attempts, _ := m.allServed(asked); attempts[1] != 15 || attempts[2] != 5 {
			m.t.Errorf("answered at attempts %v, want five at the second", attempts)
		}
	})

	scenario("its queue is stopped and started, then killed and started", func(m *majordomo) {
		h := newHold(m.t)
		w := m.begin(1, m.source)[0]
		m.served(<-m.call("before"))
		for _, end := range []func(*system){
			func(s *system) {
				if err := s.leader.Stop(deadline(m.t, stopWithin)); err != nil {
					m.t.Fatal(err)
				}
			},
			func(s *system) {
				if err := s.leader.KillGroup(); err != nil {
					m.t.Fatal(err)
				}
				<-s.leader.Exited()
			},
		} {
			end(m.system)
			m.ended = true
			m.system = startUpOn(m.t, m.data)
			m.awaitShouters(1)
			m.served(<-m.call("after"))
		}
		select {
		case <-w.Exited():
			m.t.Error("the worker has ended")
		default:
		}

		// A busy one finishes for a queue that is no more, and joins the next.
		busy := m.begin(1, h.slow(m.source))
		m.killAll([]*proc.Process{w})
		m.awaitShouters(1)
		m.call("nobody answers that")
		h.awaitAllBusy(busy)
		if err := m.leader.KillGroup(); err != nil {
			m.t.Fatal(err)
		}
		m.ended = true
		m.system = startUpOn(m.t, m.data)
		if err := os.Remove(h.gate); err != nil {
			m.t.Fatal(err)
		}
		m.awaitShouters(1)
		m.served(<-m.call("after"))
	})
}
