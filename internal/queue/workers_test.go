package queue

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// byAttempt counts jobs by the attempt they were given at.
func byAttempt(jobs []*wire.Message) map[uint8]int {
	n := make(map[uint8]int)
	for _, m := range jobs {
		n[m.Attempt]++
	}
	return n
}

func TestALostWorkersJobsAreRunAgain(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.give(1, 2)
	w.silent = true
	s.run(2900 * ms)
	other := s.worker(51, there, 1)
	if n := len(other.jobs()); n != 0 {
		t.Fatal("given to another while the first may still run it")
	}
	s.run(300 * ms)
	got := other.jobs()
	if len(got) != 1 || got[0].Attempt != 2 {
		t.Fatalf("the other worker has got %+v, want attempt 2", got)
	}
	s.consistent()
	if d := s.m.detail().Workers; len(d) != 2 || d[0].State != wire.WorkerLost || d[0].Reason == "" || d[1].State != wire.WorkerUp {
		t.Errorf("shown as %+v", d)
	}
	s.run(30 * time.Second)
	if d := s.m.detail().Workers; len(d) != 1 {
		t.Errorf("a lost worker is still shown after half a minute: %+v", d)
	}
}

func TestAWorkerOfThisHostWhoseConnectionIsGoneIsLostAtOnce(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 2) // runs at w
	w.dead = true
	s.give(2, 3) // comes back
	other := s.worker(51, here, 2)
	s.run(40 * ms)
	if n := byAttempt(other.jobs()); n[1] != 1 || n[2] != 1 {
		t.Errorf("the other worker has got jobs by attempt %v; one was running, one never arrived", n)
	}
	s.consistent()
}

func TestAWorkerOfAnotherHostThatIsCutOffKeepsItsJobsAndGetsNoMore(t *testing.T) {
	s := newStage(t, 1)
	cut := s.worker(50, there, 4)
	s.give(1, 2)
	other := s.worker(51, there, 4)
	s.run(200 * ms)
	cut.dead = true
	s.give(2, 8)
	s.run(200 * ms)
	got := other.jobs()
	if n := byAttempt(got); n[1] != 4 || len(got) != 4 {
		t.Errorf("the healthy worker with 4 slots has got jobs by attempt %v", n)
	}
	for _, m := range got {
		if m.Job == jobID(1) {
			t.Error("the job that runs at the other is given away while its lease lasts")
		}
		other.answer(m)
	}
	if n := byAttempt(other.jobs()); n[1] != 2 || len(n) != 1 {
		t.Errorf("of the rest it has got %v", n)
	}
	s.run(4 * time.Second)
	s.consistent()
	if len(s.m.workers) != 1 || len(s.m.routes) != 1 {
		t.Errorf("%d workers and %d routes are left", len(s.m.workers), len(s.m.routes))
	}
}

func TestJobsThatNeverArrivedAtDeadWorkersLoseNoAttempt(t *testing.T) {
	s := newStage(t, 1)
	var dead []*theWorker
	for i := range 3 {
		dead = append(dead, s.worker(wire.Incarnation(50+i), here, 8))
	}
	healthy := s.worker(60, here, 64)
	s.run(200 * ms)
	for _, w := range dead {
		w.dead = true
	}
	s.give(1, 29)
	s.run(time.Second)
	if n := byAttempt(healthy.jobs()); n[1] != 28 {
		t.Errorf("the healthy worker has got jobs by attempt %v, want 28 at the first", n)
	}
	if r := s.brokers[0].results(); len(r) != 0 {
		t.Errorf("%d jobs have failed", len(r))
	}
}

func TestAWorkerThatConnectsAnewKeepsItsJobs(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.run(200 * ms)
	w.route = "a new route" // and the queue has not heard of it yet
	s.give(1, 2)
	other := s.worker(51, there, 1)
	s.run(3 * time.Second)
	first, second := len(w.jobs()), len(other.jobs())
	if first+second != 1 {
		t.Errorf("the job was given %d and %d times to two workers that live", first, second)
	}
	s.consistent()
}

func TestAWorkerThatBeginsAnewKeepsWhatItRunsAndGivesUpTheRest(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 3)
	w.jobs()
	other := s.worker(51, here, 2)
	s.run(200 * ms)
	w.member.Jobs = []wire.JobID{jobID(1)} // job 2 never arrived
	w.begin()
	s.run(200 * ms)
	got := other.jobs()
	if len(got) != 1 || got[0].Job != jobID(2) || got[0].Attempt != 1 {
		t.Errorf("the other worker has got %+v, want job 2 at attempt 1", got)
	}
	if n := len(w.jobs()); n != 0 {
		t.Errorf("the worker was given %d jobs again", n)
	}
	w.answer(request(1))
	if r := s.brokers[0].results(); len(r) != 1 || r[0].Job != jobID(1) {
		t.Errorf("results %+v", r)
	}
	s.consistent()
}

func TestWhatAWorkerStillRunsForAnotherQueueHoldsASlot(t *testing.T) {
	s := newStage(t, 1)
	busy := s.worker(50, here, 0+2)
	busy.member.Jobs = []wire.JobID{jobID(90), jobID(91)}
	busy.begin()
	s.run(200 * ms)
	s.give(1, 3)
	if n := len(busy.jobs()); n != 0 {
		t.Fatalf("%d jobs were given to a worker without a free slot", n)
	}
	s.say(busy.Link(), wire.Header{Type: wire.TypeResult, Job: jobID(90)}, "")
	s.say(busy.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(91)}, "")
	if n := len(busy.jobs()); n != 2 {
		t.Errorf("%d jobs were given to a worker with two free slots", n)
	}
	if r := s.brokers[0].results(); len(r) != 0 {
		t.Errorf("results of unknown jobs went on: %+v", r)
	}
}

func TestAJobThatAWorkerReturnsGoesToAnotherAtTheSameAttempt(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 2)
	other := s.worker(51, here, 1)
	s.run(200 * ms)
	w.Drain(s.now)
	s.say(w.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(1)}, "")
	got := other.jobs()
	if len(got) != 1 || got[0].Attempt != 1 {
		t.Errorf("the other worker has got %+v, want attempt 1", got)
	}
	s.consistent()
}

func TestADrainingWorkerIsGivenNothing(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 4)
	s.run(200 * ms)
	w.Drain(s.now)
	s.give(1, 3)
	s.run(time.Second)
	if n := len(w.jobs()); n != 0 {
		t.Errorf("it was given %d jobs", n)
	}
	if d := s.m.detail().Workers; len(d) != 1 || d[0].State != wire.WorkerDraining {
		t.Errorf("shown as %+v", d)
	}
}

func TestAWorkerThatLeavesGivesItsJobsToOthers(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 2)
	other := s.worker(51, here, 1)
	s.run(200 * ms)
	w.Farewell(s.now, "bye")
	w.silent = true
	s.pump()
	if got := other.jobs(); len(got) != 1 {
		t.Errorf("the other worker has got %d jobs", len(got))
	}
	s.consistent()
	if len(s.m.lost) != 0 {
		t.Error("a worker that has left counts as lost")
	}
}

func TestTheFirstResultCountsWhicheverRunItComesFrom(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.give(1, 2)
	in := w.jobs()[0]
	w.silent = true
	s.run(3200 * ms) // it counts as lost
	other := s.worker(51, there, 1)
	s.run(200 * ms)
	again := other.jobs()
	if len(again) != 1 {
		t.Fatal("the other worker has not got the job")
	}
	// The first comes back, with its result, while the second runs.
	w.silent = false
	w.member.Jobs = []wire.JobID{in.Job}
	w.begin()
	s.run(200 * ms)
	w.answer(in)
	if r := s.brokers[0].results(); len(r) != 1 || r[0].Meta.Worker != "w50" {
		t.Fatalf("results %+v, want the first worker's", r)
	}
	if c := take(&other.got, wire.TypeCancel); len(c) != 1 {
		t.Errorf("the second worker was told of %d cancelled jobs, want one", len(c))
	}
	other.answer(again[0])
	if r := s.brokers[0].results(); len(r) != 0 {
		t.Errorf("a second result went on: %+v", r)
	}
	s.consistent()
}

func TestFunctionsAreServedByTheirWorkersAlone(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 4, "echo", "upper")
	other := s.worker(51, here, 4, "lower")
	s.run(200 * ms)
	for n, fn := range map[int]string{1: "upper", 2: "echo", 3: "nobody"} {
		m := request(n)
		m.Meta.Function = fn
		s.brokers[0].Link().Send(s.now, m)
	}
	if n, m := len(w.jobs()), len(other.jobs()); n != 2 || m != 0 {
		t.Errorf("they have got %d and %d jobs, want 2 and 0", n, m)
	}
	st := s.m.state().Queue
	if st.Slots != 8 || st.Free != 6 || st.Waiting != 1 || st.Running != 2 || st.Functions["nobody"].Waiting != 1 || st.Functions["upper"].Free != 2 {
		t.Errorf("state %+v", st)
	}
}

func TestAHelloThatMakesNoSenseIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Member)
	}{
		{"another role", func(m *wire.Member) { m.Role = wire.RoleQueue }},
		{"another's incarnation", func(m *wire.Member) { m.Incarnation = 98 }},
		{"a bad name", func(m *wire.Member) { m.Name = "a b" }},
		{"no slots", func(m *wire.Member) { m.Slots = 0 }},
		{"fewer than no slots", func(m *wire.Member) { m.Slots = -5 }},
		{"a bad function", func(m *wire.Member) { m.Functions = []string{"echo", "../x"} }},
	} {
		s := newStage(t, 1)
		m := wire.Member{Role: wire.RoleWorker, Name: "w", Incarnation: 99, Functions: []string{"echo"}, Slots: 1}
		c.change(&m)
		body, _ := json.Marshal(m)
		hello := &wire.Message{Header: wire.Header{Type: wire.TypeHello, Sender: 99, LinkEpoch: 1}}
		hello.SetBody(body)
		s.receive(role.Packet{Link: LinkWorkers, Peer: "r", Frames: hello.Frames()})
		if len(s.m.workers)+len(s.m.routes)+len(s.m.functions) != 0 || s.m.MalformedCount() != 1 {
			t.Errorf("%s: %d workers, %d functions, %d counted", c.name, len(s.m.workers), len(s.m.functions), s.m.MalformedCount())
		}
	}
}

func TestAQueueWithoutABrokerSendsItsWorkersAway(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.run(200 * ms)
	s.brokers[0].silent = true
	s.run(11800 * ms)
	if w.sentAway {
		t.Fatal("sent away before ten seconds without a broker had passed")
	}
	s.run(1500 * ms)
	if !w.sentAway {
		t.Error("still there")
	}
}

func TestWorkersMakeOnlySoManyFunctionsKnown(t *testing.T) {
	s := newStage(t, 1)
	names := func(from int) (list []string) {
		for i := range wire.MaxFunctions {
			list = append(list, fmt.Sprint("f", from+i))
		}
		return list
	}
	for i := range 2 * maxFunctions / wire.MaxFunctions {
		s.worker(wire.Incarnation(100+i), here, 1, names(i*wire.MaxFunctions)...)
	}
	if n := len(s.m.functions); n > maxFunctions || s.m.MalformedCount() == 0 {
		t.Errorf("%d functions are known", n)
	}
	if r := s.req("a", append([]string{"READY", "w"}, "fresh")...); len(s.m.functions) == maxFunctions && len(r) != 1 {
		t.Errorf("a REQ worker with one more is answered %v", r)
	}
	s.worker(999, here, 1, "f1") // one that is known
	if s.m.functions["f1"].workers != 2 {
		t.Error("a worker with known functions is refused")
	}
}

// The number of a run that was told to brokers is not used again, and what has
// not been run does not count.
func TestALaterRunThatNeverArrivedCostsNoAttempt(t *testing.T) {
	s := newStage(t, 1)
	first := s.worker(50, there, 1)
	s.give(1, 2)
	first.silent = true
	second := s.worker(51, there, 1)
	s.run(2900 * ms)
	second.dead = true
	s.run(300 * ms) // attempt 2 comes back
	third := s.worker(52, here, 1)
	got := third.jobs()
	if len(got) != 1 || got[0].Attempt != 3 || got[0].AttemptLimit != 4 {
		t.Errorf("the third worker has got %d jobs, the last at attempt %d of %d, want attempt 3 of 4", len(got), got[0].Attempt, got[0].AttemptLimit)
	}
	s.consistent()
}

// A worker's first HELLO on a link may have been sent before the jobs that it
// was given on that link arrived.
func TestAWorkerIsNotAskedForJobsThatItIsAboutToGet(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, there, 2)
	s.m.workers[workerKey{native: 50}].recheck = map[wire.JobID]*entry{} // its link is new, and it had none by the one before
	s.give(1, 2)
	e := s.m.jobs[jobID(1)]
	s.run(3 * time.Second) // its HELLOs list no job
	if e.state != running || e.worker == nil {
		t.Errorf("the job is taken back: it is %s", jobStates.Names[e.state])
	}
}

func TestARunThatDoesNotStopIsTold(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 2)
	w.jobs()
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	s.run(stuckAfter - 100*ms)
	if d := s.m.detail().Workers[0]; d.Stuck != 0 {
		t.Errorf("before its time it counts as stuck: %+v", d)
	}
	s.run(200 * ms)
	if d := s.m.detail().Workers[0]; d.Stuck != 1 || !s.m.workers[w.key()].stuck {
		t.Errorf("it does not count as stuck: %+v", d)
	}
	s.say(w.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(1)}, "")
	s.run(50 * ms)
	if d := s.m.detail().Workers[0]; d.Stuck != 0 || s.m.workers[w.key()].stuck {
		t.Errorf("it has stopped, and counts as stuck: %+v", d)
	}
}

func (w *theWorker) key() workerKey { return workerKey{native: w.member.Incarnation} }
