package queue

import (
	"fmt"
	"testing"

	"faasd/internal/wire"
)

// counted returns what the queue has published of a function.
func (s *stage) counted(name string) wire.FunctionCounts {
	q := s.m.state().Queue
	if f, ok := q.Functions[name]; ok {
		return wire.FunctionCounts{Arrived: f.Arrived, Done: f.Done, Failed: f.Failed}
	}
	return q.Past[name]
}

func TestCountsOfAFunctionOutliveItsLastWorker(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 4)
	s.give(1, 4)
	for i, m := range w.jobs() {
		code := wire.CodeOK
		if i == 0 {
			code = wire.CodeFunctionError
		}
		s.say(w.Link(), wire.Header{Type: wire.TypeResult, Job: m.Job, Attempt: m.Attempt, Code: code}, "")
	}
	want := wire.FunctionCounts{Arrived: 3, Done: 3, Failed: 1}
	if got := s.counted("echo"); got != want {
		t.Fatalf("counted %+v, want %+v", got, want)
	}
	w.die()
	if q := s.m.state().Queue; len(q.Functions) != 0 || q.Past["echo"] != want {
		t.Errorf("without a worker it publishes %+v and %+v, want no function, and its counts", q.Functions, q.Past)
	}
	w = s.worker(51, here, 4)
	s.give(4, 5)
	w.answer(w.jobs()[0])
	if got, want := s.counted("echo"), (wire.FunctionCounts{Arrived: 4, Done: 4, Failed: 1}); got != want || len(s.m.state().Queue.Past) != 0 {
		t.Errorf("with a worker again it has counted %+v, want %+v", got, want)
	}
}

func TestCountsAreKeptOfWhatIsDeployedAndOfSoManyOthers(t *testing.T) {
	s := newStage(t, 1)
	s.m.catalogue = &wire.Catalogue{Functions: []wire.Deployed{{Name: "deployed"}, {Name: "idle"}}}
	pass := func(name string) {
		f := s.m.function(name)
		f.arrived++
		s.m.forgetIfIdle(f)
	}
	pass("deployed")
	for n := range 10_000 {
		pass(fmt.Sprint("f", n))
		s.m.forgetIfIdle(s.m.function(fmt.Sprint("never called ", n)))
	}
	if n := len(s.m.past.counts); n != maxPast+2 {
		t.Errorf("the counts of %d functions are kept, want %d", n, maxPast+2)
	}
	pass("deployed")
	pass("f9999")
	if a, b, c := s.counted("deployed"), s.counted("f9999"), s.counted("f1"); a.Arrived != 2 || b.Arrived != 2 || c.Arrived != 0 {
		t.Errorf("counted %+v, %+v and %+v, want 2, 2 and, of one that passed long ago, 0", a, b, c)
	}
}
