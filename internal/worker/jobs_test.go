package worker

import (
	"slices"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

func TestJobsAreRunWithinTheSlotsInOrder(t *testing.T) {
	s := atQueue(t, 2)
	for n := 1; n <= 4; n++ {
		s.give(request(n, time.Minute))
	}
	if got := s.starts(); !slices.Equal(got, []string{"body 1", "body 2"}) {
		t.Fatalf("%v were started on two slots", got)
	}
	s.finish(2, Outcome{Body: []byte("two"), ContentType: "text/x"})
	if got := s.starts(); !slices.Equal(got, []string{"body 3"}) {
		t.Errorf("%v were started on the slot that got free", got)
	}
	r := s.took(wire.TypeResult)
	if len(r) != 1 || r[0].Job != jobID(2) || string(r[0].Body) != "two" || r[0].Meta.ContentType != "text/x" || r[0].Attempt != 1 || r[0].CheckBody() != nil {
		t.Errorf("results %+v", r)
	}
	s.finish(2, Outcome{}) // once more: not a run any more
	s.finish(4, Outcome{}) // not started
	if r := s.took(wire.TypeResult); len(r) != 0 {
		t.Errorf("results %+v of runs that are none", r)
	}
}

func TestADamagedJobIsNotRun(t *testing.T) {
	s := atQueue(t, 1)
	m := request(1, time.Minute)
	m.BodyChecksum++
	s.give(m)
	if got := s.starts(); len(got) != 0 {
		t.Errorf("%v were started", got)
	}
	if r := s.took(wire.TypeResult); len(r) != 1 || r[0].Code != wire.CodeCorrupt || r[0].Meta.Reason == "" {
		t.Errorf("results %+v, want corrupt", r)
	}
}

func TestAJobWhoseTimeRanOutInLineIsNotRun(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.give(request(2, aheadFor/2))
	s.starts()
	s.run(aheadFor / 2)
	s.finish(1, Outcome{})
	if got := s.starts(); len(got) != 0 {
		t.Errorf("%v were started", got)
	}
	if r := s.took(wire.TypeResult); len(r) != 2 || r[1].Code != wire.CodeExpired {
		t.Errorf("results %+v, want that the second's time ran out", r)
	}
}

func TestARunKnowsHowLongItMayTake(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.give(request(2, time.Minute))
	s.m.Starts()
	s.run(aheadFor / 2)
	s.finish(1, Outcome{})
	if starts, left := s.m.Starts(), time.Minute-aheadFor; len(starts) != 1 || starts[0].Timeout > left+40*ms || starts[0].Timeout < left {
		t.Errorf("starts %+v, want one with the %s that are left", starts, left)
	}
}

func TestAResultTellsHowLongTheFunctionRan(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.give(request(2, time.Minute))
	s.starts()
	s.run(20 * ms)
	s.finish(1, Outcome{})
	s.starts()
	s.finish(2, Outcome{})
	corrupt := request(3, time.Minute)
	corrupt.BodyChecksum++
	s.give(corrupt)
	if r := s.took(wire.TypeResult); len(r) != 3 || r[0].RanMicros != 20_000 || r[1].RanMicros != 1 || r[2].RanMicros != 0 {
		t.Errorf("results %+v, want 20,000, 1 and 0 µs", r)
	}
}

func TestWhatWaitsTooLongForASlotIsGivenBack(t *testing.T) {
	s := atQueue(t, 1)
	for n := range 3 {
		s.give(request(n+1, time.Minute))
	}
	s.starts()
	s.run(aheadFor / 2)
	if back := s.took(wire.TypeReturn); len(back) != 0 {
		t.Errorf("%d were given back at once", len(back))
	}
	s.run(20 * ms)
	if back := s.took(wire.TypeReturn); len(back) != 2 || back[0].Job != jobID(2) || back[1].Job != jobID(3) {
		t.Errorf("%v were given back, want the two that wait", back)
	}
	s.finish(1, Outcome{})
	if got := s.starts(); len(got) != 0 {
		t.Errorf("%v were started", got)
	}
	s.give(request(2, time.Minute))
	if got := s.starts(); len(got) != 1 {
		t.Errorf("one that is given again is not started")
	}
}

func TestACancelledRunIsStoppedAndItsSlotReturned(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.give(request(2, time.Minute))
	s.starts()
	s.cancel(1)
	if got := s.m.Stops(); !slices.Equal(got, []wire.JobID{jobID(1)}) {
		t.Fatalf("%v are to be stopped", got)
	}
	if n := len(s.took(wire.TypeReturn)); n != 0 {
		t.Fatal("the slot is returned before the run has ended")
	}
	s.finish(1, Outcome{Code: wire.CodeFunctionFailed})
	if r := s.took(wire.TypeReturn); len(r) != 1 || r[0].Job != jobID(1) {
		t.Errorf("returned %+v", r)
	}
	if got := s.starts(); !slices.Equal(got, []string{"body 2"}) {
		t.Errorf("%v were started", got)
	}
}

func TestACancelledJobInLineIsReturned(t *testing.T) {
	s := atQueue(t, 1)
	for n := 1; n <= 3; n++ {
		s.give(request(n, time.Minute))
	}
	s.starts()
	s.cancel(2)
	if r := s.took(wire.TypeReturn); len(r) != 1 || r[0].Job != jobID(2) {
		t.Errorf("returned %+v", r)
	}
	s.finish(1, Outcome{})
	if got := s.starts(); !slices.Equal(got, []string{"body 3"}) {
		t.Errorf("%v were started", got)
	}
	s.finish(3, Outcome{})
	s.took(wire.TypeResult)
	s.cancel(9) // of a job that is not here: the queue must not wait for it
	if r := s.took(wire.TypeReturn); len(r) != 1 || r[0].Job != jobID(9) {
		t.Errorf("returned %+v", r)
	}
	if len(s.m.jobs) != 0 || s.m.line.Len() != 0 {
		t.Errorf("%d jobs are left, %d in line", len(s.m.jobs), s.m.line.Len())
	}
}

func TestAJobThatIsGivenAgainAfterItsCancelIsRunAgain(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.starts()
	s.cancel(1)
	again := request(1, time.Minute)
	again.Attempt = 2
	s.give(again) // while the cancelled run has not ended
	if got := s.starts(); len(got) != 0 {
		t.Fatalf("%v were started beside the run that is to stop", got)
	}
	s.finish(1, Outcome{Code: wire.CodeFunctionFailed, Reason: "context canceled"})
	if r := s.took(wire.TypeResult); len(r) != 0 {
		t.Errorf("the outcome of the cancelled run went on: %+v", r)
	}
	if got := s.starts(); !slices.Equal(got, []string{"body 1"}) {
		t.Fatalf("%v were started, want the job that is wanted again", got)
	}
	s.finish(1, Outcome{Body: []byte("x")})
	if r := s.took(wire.TypeResult); len(r) != 1 || r[0].Attempt != 2 || r[0].Code != wire.CodeOK {
		t.Errorf("results %+v, want attempt 2", r)
	}

	// Cancelled once more before the first run has ended, it is not run.
	s.give(request(2, time.Minute))
	s.starts()
	s.cancel(2)
	s.give(request(2, time.Minute))
	s.cancel(2)
	s.finish(2, Outcome{})
	if got := s.starts(); len(got) != 0 {
		t.Errorf("%v were started", got)
	}
	if len(s.m.jobs) != 0 {
		t.Errorf("%d jobs are left", len(s.m.jobs))
	}
}

func TestAnAttemptThatFindsTheLastOneRunningIsAnsweredByIt(t *testing.T) {
	s := atQueue(t, 2)
	s.give(request(1, time.Minute))
	s.starts()
	again := request(1, time.Minute)
	again.Attempt = 2
	s.give(again)
	if got := s.starts(); len(got) != 0 {
		t.Errorf("%v run twice at once", got)
	}
	s.finish(1, Outcome{})
	if r := s.took(wire.TypeResult); len(r) != 1 || r[0].Attempt != 2 {
		t.Errorf("results %+v, want one for attempt 2", r)
	}
}

// What came while this worker was stopped may have been given to another since.
func TestAJobIsStartedOnlyWhileTheQueueHasHeardThisWorkerLately(t *testing.T) {
	s := atQueue(t, 2)
	s.now += job.TrustedFor // stopped; the job has lain in the socket
	s.give(request(1, time.Minute))
	if n := len(s.m.Starts()); n != 0 {
		t.Fatal("a job is started of a queue that may have given this worker up")
	}
	s.run(job.BeaconEvery + 200*ms) // it had not
	if got := s.starts(); len(got) != 1 {
		t.Errorf("%v are started once the queue has answered", got)
	}

	s.now += job.LostAfter
	s.give(request(2, time.Minute))
	s.queue = nil // it had
	s.run(job.BeaconEvery + 200*ms)
	if got := s.starts(); len(got) != 0 || s.m.jobs[jobID(2)] != nil {
		t.Errorf("%v are started that the queue has given to others", got)
	}
}

func TestAJobThatIsGivenAgainByAQueueThatIsLostIsNotRunAgain(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.m.Starts()
	s.cancel(1)
	s.give(request(1, time.Minute))
	s.queue = nil
	s.m.queue.Announce(s.now) // answered that the link is not known
	s.run(200 * ms)
	s.finish(1, Outcome{})
	if got := s.starts(); len(got) != 0 || len(s.m.jobs) != 0 {
		t.Errorf("%v are started, %d jobs left", got, len(s.m.jobs))
	}
}

func TestAResultThatIsTooLargeIsNotPassedOn(t *testing.T) {
	s := atQueue(t, 1)
	for n, size := range []int{100, 101} {
		s.give(request(n, time.Minute))
		s.starts()
		s.finish(n, Outcome{Body: make([]byte, size)})
	}
	r := s.took(wire.TypeResult)
	if len(r) != 2 || r[0].Code != wire.CodeOK || r[1].Code != wire.CodeFunctionFailed || len(r[1].Body) != 0 || r[1].Meta.Reason == "" {
		t.Errorf("results %+v, want the one over the limit of 100 bytes failed", r)
	}
}

func TestTypesThatAQueueMustNotSendAreCounted(t *testing.T) {
	s := atQueue(t, 1)
	m := &wire.Message{Header: wire.Header{Type: wire.TypeMoved}}
	m.SetBody(nil)
	s.give(m)
	if s.m.MalformedCount() != 1 {
		t.Errorf("%d were counted, want 1", s.m.MalformedCount())
	}
}
