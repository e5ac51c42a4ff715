package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
)

// hear returns the next reply to a REQ worker that is no ping: its command and
// what is behind it.
func (s *stranger) hear(t *testing.T) (command string, rest [][]byte) {
	t.Helper()
	for {
		if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		frames, err := s.receive()
		if err != nil {
			t.Fatal(err)
		}
		if command = string(frames[1]); command != "PING" {
			return command, frames[2:]
		}
		if err := s.send(nil, []byte("PONG")); err != nil {
			t.Fatal(err)
		}
	}
}

// A REQ worker waits for a reply to whatever it says, and could not say anything
// else until then.
func TestAREQWorkerThatSaysTooMuchIsToldSo(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Frontends: 1})
	queue := s.apart.Endpoints("queue", "workers")[0]
	join := func(functions ...string) *stranger {
		worker, err := meet(queue, "REQ")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { worker.Close() })
		message := [][]byte{nil, []byte("READY"), []byte("talkative")}
		for _, f := range functions {
			message = append(message, []byte(f))
		}
		if err := worker.send(message...); err != nil {
			t.Fatal(err)
		}
		return worker
	}
	refused := func(worker *stranger, why string) {
		t.Helper()
		if command, rest := worker.hear(t); command != "ERROR" || len(rest) != 1 || !strings.Contains(string(rest[0]), why) {
			t.Errorf("answered %s %q, want ERROR because of %s", command, rest, why)
		}
	}
	var twenty []string
	for n := range 20 {
		twenty = append(twenty, fmt.Sprint("f", n))
	}
	refused(join(twenty...), "more than 16 frames")
	refused(join(twenty[:9]...), "at most 8 functions")

	worker := join("big")
	eventually(t, patience, func() error {
		if resp, err := s.client.Get(s.url + "/functions/big"); err != nil || resp.Body.Close() != nil || resp.StatusCode != 200 {
			return fmt.Errorf("/big is not known: %v", err)
		}
		return nil
	})
	answer := make(chan reply, 1)
	go func() { answer <- s.do(context.Background(), request{path: "/big", body: []byte("x")}) }()
	command, job := worker.hear(t)
	if command != "JOB" {
		t.Fatalf("told %s %q, want a job", command, job)
	}
	const most = sixMebibytes + 1<<20
	if err := worker.send(nil, []byte("RESULT"), job[0], make([]byte, most)); err != nil {
		t.Fatal(err)
	}
	refused(worker, fmt.Sprintf("more than %d bytes", most))
	a := <-answer
	p := a.mustBeProblem(t, 502, "function-failed")
	if want := fmt.Sprintf("returned %d bytes; at most", most); !strings.Contains(p.Detail, want) || a.header.Get("X-Faasd-Attempt") != "1" {
		t.Errorf("attempt %s failed for %q, want the first, and that it %s", a.header.Get("X-Faasd-Attempt"), p.Detail, want)
	}
}
