package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

// takes decodes the Takes published since the last call.
func (s *stage) takes() (all []wire.Take) {
	s.t.Helper()
	for _, b := range s.sentOn(wire.TopicTake) {
		var t wire.Take
		if err := json.Unmarshal(b, &t); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, t)
	}
	return all
}

// offers decodes the Offers published since the last call.
func (s *stage) offers() (all []wire.Offer) {
	s.t.Helper()
	for _, b := range s.sentOn(wire.TopicOffer) {
		var o wire.Offer
		if err := json.Unmarshal(b, &o); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// takeBy has queueB ask for jobs.
func (s *stage) takeBy(number uint64, n int) {
	s.hear(wire.TakeTopic(10), wire.Take{Taker: 11, TakerName: "queueB", Number: number, Function: "echo", Count: n})
}

// reply has the broker answer a MOVE.
func (s *stage) reply(b int, kind wire.Type, n int, assignment uint32) {
	s.say(s.brokers[b].Link(), wire.Header{Type: kind, Job: jobID(n), Assignment: assignment}, "")
}

func TestTheOldestWaitingJobsAreGivenToWhoAsks(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	for n := range 4 {
		s.give(n+1, n+2)
		s.run(20 * ms)
	}
	s.takeBy(1, 2)
	moves := s.brokers[0].movesAsked()
	if len(moves) != 2 {
		t.Fatalf("%d jobs are to move, want 2", len(moves))
	}
	for i, m := range moves {
		if m.Job != jobID(i+1) || m.Assignment != uint32(i+1) || m.Meta.Target != wire.Incarnation(11).String() {
			t.Errorf("MOVE %d is %+v %+v", i, m.Header, m.Meta)
		}
	}
	s.takeBy(1, 2) // the same, by another coordinator
	if n := len(s.brokers[0].movesAsked()); n != 0 {
		t.Errorf("a Take that has come before moves %d jobs", n)
	}
	s.consistent()

	s.reply(0, wire.TypeMoved, 1, 1)
	s.reply(0, wire.TypeRefused, 2, 2)
	s.consistent()
	if len(s.m.jobs) != 3 || s.m.moved != 1 {
		t.Errorf("%d jobs are left, %d have moved; want 3 and 1", len(s.m.jobs), s.m.moved)
	}
	w := s.worker(50, here, 1)
	if got := w.jobs(); len(got) != 1 || got[0].Job != jobID(2) {
		t.Errorf("the first to run is %+v, want the refused one: it came first", got)
	}
}

func TestAJobThatMovesIsNotRunMeanwhile(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.give(1, 2)
	s.takeBy(1, 1)
	w := s.worker(50, here, 1)
	if n := len(w.jobs()); n != 0 {
		t.Fatal("it is run while another queue may have it")
	}
	s.reply(0, wire.TypeRefused, 1, 1)
	if n := len(w.jobs()); n != 1 {
		t.Errorf("refused, it is given to %d free workers", n)
	}
}

func TestAnAnswerAboutAnOlderAssignmentDoesNotCount(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.give(1, 2)
	s.takeBy(1, 1)
	// The broker has moved it, the MOVED got lost, the taker has died: it comes back.
	again := request(1)
	again.Assignment = 3
	s.brokers[0].Link().Send(s.now, again)
	s.reply(0, wire.TypeMoved, 1, 1) // repaired
	s.consistent()
	w := s.worker(50, here, 1)
	got := w.jobs()
	if len(got) != 1 {
		t.Fatal("the job is forgotten, and the broker waits for ever")
	}
	w.answer(got[0])
	if r := s.brokers[0].results(); len(r) != 1 || r[0].Assignment != 3 {
		t.Errorf("answered %+v, want under assignment 3", r)
	}
	s.reply(0, wire.TypeRefused, 1, 3) // of a job that is no more
	s.consistent()
}

func TestAJobWhoseMoveNobodyAnswersRunsHere(t *testing.T) {
	s := newStage(t, 2)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.give(1, 2)
	s.brokers[1].Link().Send(s.now, request(1))
	s.takeBy(1, 1)
	s.brokers[1].Farewell(s.now, "dies") // the one that was asked
	s.consistent()
	w := s.worker(50, here, 1)
	got := w.jobs()
	if len(got) != 1 {
		t.Fatal("it is not run, though a broker waits and a worker is free")
	}
	w.answer(got[0])
	if n := len(s.brokers[0].results()); n != 1 {
		t.Errorf("%d results", n)
	}
}

func TestOneBrokersMovedLeavesTheJobToTheOther(t *testing.T) {
	s := newStage(t, 2)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.give(1, 2)
	s.brokers[1].Link().Send(s.now, request(1))
	s.takeBy(1, 1)
	s.reply(1, wire.TypeMoved, 1, 1)
	s.consistent()
	if len(s.m.jobs) != 1 {
		t.Fatal("the other broker still charges this queue with the job")
	}
	w := s.worker(50, here, 1)
	if n := len(w.jobs()); n != 1 {
		t.Errorf("a free worker has got %d jobs", n)
	}
}

func TestAQueueWithFreeSlotsAsksForJobsThatWaitElsewhere(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 3)
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 10, Oldest: 100})
	takes := s.takes()
	if len(takes) != 1 || takes[0].Taker != 10 || takes[0].TakerName != "queueA" || takes[0].Count != 3 || takes[0].Function != "echo" {
		t.Fatalf("it asks %+v, want for 3", takes)
	}
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 10, Oldest: 100})
	if takes := s.takes(); len(takes) != 0 {
		t.Errorf("it asks again before any has come: %+v", takes)
	}
	for n := 1; n < 4; n++ {
		m := request(n)
		m.Moves = 1
		s.brokers[0].Link().Send(s.now, m)
	}
	if s.m.taken != 3 || len(s.m.take.reserved) != 0 {
		t.Errorf("%d jobs count as taken, slots are reserved: %v", s.m.taken, s.m.take.reserved)
	}
}

func TestAQueueAsksWhereAJobHasWaitedLongest(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 5, Oldest: 100})
	s.other("queueC", 12, 0, wire.FunctionState{Waiting: 5, Oldest: 900})
	s.other("queueD", 13, 3, wire.FunctionState{Waiting: 2, Free: 3, Oldest: 5000}) // will run them itself
	s.worker(50, here, 1)
	for _, p := range s.published {
		if p.topic == wire.TakeTopic(11) || p.topic == wire.TakeTopic(13) {
			t.Errorf("it asks on %s", p.topic)
		}
	}
	if takes := s.takes(); len(takes) != 1 {
		t.Errorf("it asks %+v, want once", takes)
	}
}

func TestSlotsThatWereReservedInVainAreFreeAgain(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 1)
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 10, Oldest: 100})
	if n := len(s.takes()); n != 1 {
		t.Fatalf("it asks %d times", n)
	}
	s.run(300 * ms)
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 10, Oldest: 400})
	if n := len(s.takes()); n != 1 {
		t.Errorf("it asks %d times when nothing has come", n)
	}
}

func TestSlotsThatAreKnownToBeReservedInVainAreFreeAtOnce(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 1)
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 1, Oldest: 100})
	s.other("queueC", 12, 0, wire.FunctionState{Waiting: 1, Oldest: 50})
	if n := len(s.takes()); n != 1 {
		t.Fatalf("it asks %d times", n)
	}
	none := wire.Offer{Giver: 11, Number: 1, Function: "echo"}
	s.hear(wire.OfferTopic(10), none)
	to := 0
	for _, p := range s.published {
		if p.topic == wire.TakeTopic(12) {
			to++
		}
	}
	if takes := s.takes(); len(takes) != 1 || to != 1 {
		t.Errorf("when queueB has nothing it asks %+v, want queueC", takes)
	}
	s.hear(wire.OfferTopic(10), none) // by another coordinator
	none.Giver = 12
	s.hear(wire.OfferTopic(10), none)
	if takes := s.takes(); len(takes) != 0 {
		t.Errorf("when both have nothing it asks %+v", takes)
	}
}

func TestATakerIsToldWhenThereIsLessThanItAskedFor(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{})
	s.give(1, 3)
	s.offers()
	for i, c := range []struct{ count, told int }{{1, 0}, {2, 1}, {1, 1}} { // two wait, then one, then none
		s.takeBy(uint64(i+1), c.count)
		offers := s.offers()
		if len(offers) != c.told || c.told > 0 && (offers[0].Waiting != 0 || offers[0].Function != "echo") {
			t.Errorf("Take %d for %d: told %+v, want %d that nothing is left", i+1, c.count, offers, c.told)
		}
	}
}

func TestAnOfferIsTakenUpWithFreeSlots(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 0, wire.FunctionState{})
	s.worker(50, here, 2)
	s.takes()
	offer := wire.Offer{Giver: 11, Number: 1, Function: "echo", Waiting: 5}
	s.hear(wire.OfferTopic(10), offer)
	if takes := s.takes(); len(takes) != 1 || takes[0].Count != 2 {
		t.Errorf("it asks %+v, want for 2", takes)
	}
	s.hear(wire.OfferTopic(10), offer) // the same, by another coordinator
	offer.Number++
	s.hear(wire.OfferTopic(10), offer) // its slots are reserved
	offer.Giver, offer.Number = 99, 1
	s.hear(wire.OfferTopic(10), offer) // from a stranger
	if takes := s.takes(); len(takes) != 0 {
		t.Errorf("it asks %+v", takes)
	}
}

func TestAWaitingJobIsOfferedToAQueueWithFreeSlots(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.other("queueC", 12, 2, wire.FunctionState{Free: 0})
	s.offers()
	s.give(1, 2)
	var to []string
	for _, p := range s.published {
		if len(p.topic) > 6 && p.topic[:6] == wire.TopicOffer {
			to = append(to, p.topic)
		}
	}
	if offers := s.offers(); len(offers) != 1 || to[0] != wire.OfferTopic(11) || offers[0].Giver != 10 || offers[0].Waiting != 1 {
		t.Errorf("offers %+v on %v, want one to queueB", offers, to)
	}
	s.give(2, 4)
	if offers := s.offers(); len(offers) != 0 {
		t.Errorf("offers %+v within %v of one that has brought nothing yet", offers, offerEvery)
	}
	s.takeBy(1, 1)
	s.give(4, 5)
	if offers := s.offers(); len(offers) != 1 {
		t.Errorf("offers %+v after one that was taken up", offers)
	}
}

func TestNobodyIsOfferedWhatALostOrLeavingQueueCouldTake(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.states[11].Draining = true
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.offers()
	s.give(1, 2)
	if o := s.offers(); len(o) != 0 {
		t.Errorf("a draining queue is offered %+v", o)
	}
	s.states[11].Draining = false
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.run(3200 * ms) // it is not heard of any more
	s.offers()
	s.give(2, 3)
	if o := s.offers(); len(o) != 0 {
		t.Errorf("a silent queue is offered %+v", o)
	}
}

func TestAJobMovesThreeTimesUnlessItIsStranded(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.give(1, 2) // takes the slot
	for n := 2; n < 4; n++ {
		m := request(n)
		m.Moves = uint8(maxMoves - 3 + n) // 2 and 3
		s.brokers[0].Link().Send(s.now, m)
	}
	s.takeBy(1, 10)
	if moves := s.brokers[0].movesAsked(); len(moves) != 1 || moves[0].Job != jobID(2) {
		t.Errorf("%+v are to move, want the one that has moved twice", moves)
	}
	w.dead = true
	s.worker(51, here, 1, "other") // notices nothing of echo
	s.run(4 * time.Second)
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.brokers[0].movesAsked()
	s.takeBy(2, 10)
	found := false
	for _, m := range s.brokers[0].movesAsked() {
		found = found || m.Job == jobID(3)
	}
	if !found {
		t.Error("a job that has moved three times is stuck at a queue without workers")
	}
}

func TestStrangersAreNotRemembered(t *testing.T) {
	s := newStage(t, 1)
	s.give(1, 2)
	for i := range 100 {
		stranger := wire.Incarnation(1000 + i)
		s.hear(wire.TakeTopic(10), wire.Take{Taker: stranger, Number: 1, Function: "echo", Count: 1})
		s.hear(wire.OfferTopic(10), wire.Offer{Giver: stranger, Number: 1, Function: "echo", Waiting: 1})
	}
	if n, m := len(s.m.take.seen), len(s.m.offers.seen); n != 0 || m != 0 || len(s.brokers[0].movesAsked()) != 0 {
		t.Errorf("%d takers and %d givers are remembered", n, m)
	}
	// Those that were known are forgotten with their state.
	s.other("queueB", 11, 2, wire.FunctionState{Free: 2})
	s.takeBy(1, 1)
	s.run(65 * time.Second)
	s.other("queueC", 12, 2, wire.FunctionState{})
	s.run(time.Second)
	if n := len(s.m.take.seen); n != 0 {
		t.Errorf("%d takers are remembered a minute after the last heard", n)
	}
}

func TestADrainingQueueGivesItsWaitingJobsAway(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 4)
	got := w.jobs()
	s.m.Drain(s.now)
	s.pump()
	moves := s.brokers[0].movesAsked()
	if len(moves) != 2 {
		t.Fatalf("%d jobs are to move, want the two that wait", len(moves))
	}
	for _, m := range moves {
		if m.Meta.Target != "" {
			t.Errorf("to %q, want to anybody", m.Meta.Target)
		}
	}
	s.reply(0, wire.TypeMoved, 2, 2)
	s.reply(0, wire.TypeRefused, 3, 3)
	s.give(4, 5) // was under way
	if n := len(s.brokers[0].movesAsked()); n != 1 {
		t.Errorf("a job that arrives while draining is given away %d times", n)
	}
	s.reply(0, wire.TypeMoved, 4, 4)
	if s.m.Drained() {
		t.Error("drained while one job runs and one waits")
	}
	w.answer(got[0])
	for _, m := range w.jobs() { // the one that nobody would take
		w.answer(m)
	}
	s.run(1500 * ms)
	if !s.m.Drained() {
		t.Errorf("not drained: %d jobs", len(s.m.jobs))
	}
	s.m.Leave(s.now)
	s.pump()
	if !w.sentAway {
		t.Error("the worker is not told to find another queue")
	}
}

// A queue whose slots are always taken by its own newer jobs takes the old ones of
// queues without workers all the same.
func TestJobsThatHaveWaitedMuchLongerElsewhereAreAskedForAndRunFirst(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 10)
	w.jobs()
	s.run(200 * ms)
	s.takes()
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 5, Oldest: 300})
	s.run(200 * ms)
	if got := s.takes(); len(got) != 0 {
		t.Fatalf("it asks for %+v, which have not waited much longer", got)
	}
	s.other("queueB", 11, 0, wire.FunctionState{Waiting: 5, Oldest: 2000})
	s.run(200 * ms)
	got := s.takes()
	if len(got) != 1 || got[0].Count != 2 {
		t.Fatalf("it asks for %+v, want as many jobs as it has slots", got)
	}
	old := request(20)
	old.Moves, old.Waited = 1, 2100
	s.brokers[0].Link().Send(s.now, old)
	if oldest := s.m.state().Queue.Functions["echo"].Oldest; oldest < 2000 {
		t.Errorf("the oldest is said to wait for %d ms", oldest)
	}
	running := w.m(s)
	w.answer(running)
	if next := w.jobs(); len(next) != 1 || next[0].Job != jobID(20) {
		t.Errorf("the next to run is %+v, want the one that has waited longest", next)
	}
	s.consistent()
}

// m is a job that the worker runs.
func (w *theWorker) m(s *stage) *wire.Message {
	for _, e := range s.m.jobs {
		if e.worker != nil && e.worker.key.native == w.member.Incarnation {
			return e.msg
		}
	}
	s.t.Fatal("it runs nothing")
	return nil
}

func TestOnlyFunctionsThatWaitElsewhereAreAskedFor(t *testing.T) {
	s := newStage(t, 1)
	s.worker(1, here, 1, "echo", "resize")
	for i, f := range []wire.FunctionState{{Waiting: 2, Free: 2}, {Waiting: 3, Free: 2}} {
		other := wire.State{
			Member: wire.Member{Role: wire.RoleQueue, Name: fmt.Sprint("queue", i), Incarnation: wire.Incarnation(500 + i)}, Sequence: 1,
			Queue: &wire.QueueState{Waiting: f.Waiting, Functions: map[string]wire.FunctionState{"resize": f, "blur": {}}},
		}
		s.hear(other.Topic(), other)
		if want := []string{"resize"}[:i]; !slices.Equal(s.m.elsewhere, want) {
			t.Errorf("jobs of %q wait elsewhere, want %q", s.m.elsewhere, want)
		}
	}
}

func TestTakesThatComeTooLateGrowRare(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 1)
	var number uint64
	takes := func(d time.Duration) (n int) {
		for end := s.now + d; s.now < end; s.run(20 * ms) {
			s.other("queueB", 11, 1, wire.FunctionState{Waiting: 1, Oldest: 100})
			for range s.takes() {
				n++
				number++
				s.hear(wire.OfferTopic(10), wire.Offer{Giver: 11, Number: number, Function: "echo"})
			}
		}
		return n
	}
	takes(time.Second)
	if n := takes(2 * time.Second); n < 10 || n > 35 {
		t.Errorf("it asks %d times in 2 s for what is never there", n)
	}
	moved := request(1)
	moved.Moves = 1
	s.brokers[0].Link().Send(s.now, moved)
	for _, m := range s.workers[0].jobs() {
		s.workers[0].answer(m)
	}
	if n := takes(100 * ms); n < 3 {
		t.Errorf("it asks %d times in 100 ms after a job has come", n)
	}
}

func TestOffersThatBringNothingGrowRare(t *testing.T) {
	s := newStage(t, 1)
	offers, number := 0, uint64(0)
	work := func(d time.Duration) {
		offers = 0
		for end := s.now + d; s.now < end; s.run(20 * ms) {
			s.other("queueB", 11, 1, wire.FunctionState{Free: 1})
			number++
			s.give(int(number), int(number)+1)
			for range s.offers() {
				offers++
			}
		}
	}
	work(2 * time.Second)
	if work(4 * time.Second); offers < 4 || offers > 7 {
		t.Errorf("%d offers in 4 s that nobody has taken up", offers)
	}
	s.hear(wire.TakeTopic(10), wire.Take{Taker: 11, TakerName: "queueB", Number: 1, Function: "echo", Count: 1})
	if work(400 * ms); offers < 2 {
		t.Errorf("%d offers in 400 ms after one was taken up", offers)
	}
}

func TestNothingIsRememberedOfWhatWasNotAskedFor(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 1)
	s.other("queueB", 11, 1, wire.FunctionState{})
	for n := range 100 {
		s.hear(wire.OfferTopic(10), wire.Offer{Giver: 11, Number: uint64(n) + 1, Function: fmt.Sprint("f", n)})
	}
	if n := len(s.m.take.pauses); n != 0 {
		t.Errorf("%d functions are remembered", n)
	}
}
