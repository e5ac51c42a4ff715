package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"faasd/internal/operator"
)

func TestAWellSystemIsSaidToBeWell(t *testing.T) {
	s := newStage(t, 160, 50)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Functions[0].Oldest, p.Functions[0].Rates.Failed = 0, 0, 0
	p.Workers, p.Totals.WorkersLost, p.Totals.Rates.Failed = p.Workers[1:], 0, 0 // none is lost
	s.look()
	s.shows("all is well")
	for _, c := range []struct {
		harm func()
		want string
	}{
		{func() { p.Workers[2].Stuck = 2 }, "worker w-a00001 has 2 runs that should have stopped"},
		{func() { p.Totals.Refused += 3 }, "3 requests refused with 503 in the last minute"},
		{func() { p.Totals.Failed += 3; p.Totals.Expired += 3 }, "3 requests failed in the last minute: out of time (504)"},
		{func() { p.Totals.Failed += 2 }, "2 requests failed in the last minute: the function could not be run, crashed, or lost its workers (502)"},
		{func() { p.Totals.Failed += 360; p.Totals.Errors += 360 }, "360 requests failed in the last minute: an error of the function's own (500)"},
		{func() { p.Functions[0].Waiting, p.Functions[0].Oldest = 4, 2000 }, "echo: 4 jobs wait, the oldest for 2.0s"},
		{func() { p.Brokers[0].State = operator.StateLost }, "no broker is heard"},
		{func() { p.Frontends[0].State = operator.StateLost }, "no frontend is heard"},
		{func() { p.Functions[0].Workers = 0 }, "echo has no worker and 4 jobs wait"},
	} {
		c.harm()
		s.look()
		s.shows("! " + c.want)
	}
}

func TestASystemWithoutPartsIsNotWell(t *testing.T) {
	s := newStage(t, 100, 30)
	s.system.picture = operator.Picture{Frontends: s.system.picture.Frontends, Coordinators: s.system.picture.Coordinators}
	s.look()
	s.shows("! no queue is heard")
	s.system.picture.Queues = busy().picture.Queues[1:2]
	s.look()
	s.shows("! no worker is there")
	s.system.picture.Totals.Workers = 1
	s.look()
	s.shows("! no broker is heard")
}

// Failures are not forgotten as soon as they have stopped.
func TestWhatHasFailedIsRememberedForAMinute(t *testing.T) {
	s := newStage(t, 160, 50)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Workers = 0, p.Workers[1:]
	p.Totals.Failed, p.Totals.Errors = 1000, 1000 // long ago
	step := func(d time.Duration) { s.now = s.now.Add(d); s.look() }
	step(2 * time.Minute)
	step(time.Second)
	s.shows("all is well")
	p.Totals.Failed, p.Totals.Errors, p.Functions[0].Rates.Failed = 1360, 1360, 9
	step(time.Second)
	s.shows("360 requests failed in the last minute (echo): an error of the function's own (500); see faasctl logs echo")
	p.Functions[0].Rates.Failed = 0
	step(time.Second)
	s.shows("360 requests failed in the last minute (echo): an error of the function's own (500); see faasctl logs echo")
	p.Totals.Failed, p.Totals.Errors = 5, 5 // the frontend has begun anew
	step(30 * time.Second)
	s.shows("360 requests failed in the last minute (echo): an error of the function's own (500); see faasctl logs echo")
	step(31 * time.Second)
	s.shows("all is well")
}

func TestFailuresOfSeveralFunctionsAreNotPutDownToOne(t *testing.T) {
	s := newStage(t, 160, 50)
	p := &s.system.picture
	p.Queues, p.Brokers, p.Workers = p.Queues[1:2], p.Brokers[:1], p.Workers[1:]
	p.Functions = []operator.Function{p.Functions[0], p.Functions[0]}
	p.Functions[1].Name = "webhook"
	for i := range p.Functions {
		p.Functions[i].Waiting, p.Functions[i].Rates.Failed = 0, 0
	}
	step := func(d time.Duration) { s.now = s.now.Add(d); s.look() }
	step(2 * time.Minute)
	for i := range p.Functions { // one after the other
		p.Totals.Failed, p.Totals.Errors = p.Totals.Failed+2, p.Totals.Errors+2
		p.Functions[i].Rates.Failed = 1
		step(time.Second)
		p.Functions[i].Rates.Failed = 0
	}
	s.shows("4 requests failed in the last minute (webhook and others): an error of the function's own (500); see functions (f) and faasctl logs webhook")
}

func TestAllThatIsWrongIsListedWhole(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("!")
	s.shows("What is wrong", "resize has no worker", "(faasd worker)", "echo: 1,102 jobs wait")
	s.press("G")
	s.shows("worker w-2c10aa of queueA was lost (silent for 3 s)")
}

func TestEachLostWorkerIsNamedWithItsReason(t *testing.T) {
	s := newStage(t, 60, 15)
	p := &s.system.picture
	lose := func(n int) {
		for i := range n {
			w := &p.Workers[i]
			w.State, w.Reason = operator.StateLost, fmt.Sprintf("killed by somebody for a reason of %d words", i)
		}
		s.look()
	}
	lose(2)
	s.press("!", "G")
	s.shows("w-7f3b01 of queueA was lost (killed by", "reason of 1 words)")
	lose(9)
	s.press("G")
	s.shows("4 more workers were lost: a lists all")
}

// Numbered workers of two queues have the same ids.
func TestLostWorkersOfTwoQueuesWithOneNumberAreBothNamed(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	for i, at := range []int{1, 10} { // of queueA and queueB
		w := &p.Workers[at]
		w.ID, w.Kind, w.Name, w.State, w.Reason = "req-4", "req", fmt.Sprint("r", i), operator.StateLost, "silent for 3 s"
	}
	s.look()
	s.press("!", "G")
	s.shows("worker r0 of queueA was lost", "worker r1 of queueB was lost")
}

func TestWhatALostWorkerRanIsNotPromisedToOthersThatAreNotThere(t *testing.T) {
	s := newStage(t, 160, 50)
	p := &s.system.picture
	for _, c := range []struct {
		functions []string
		want      string
	}{
		{[]string{"echo"}, "what it ran runs again elsewhere"},
		{[]string{"resize"}, "what it ran waits: nobody else serves resize"},
		{[]string{"a", "b", "c", "d"}, "what it ran waits: nobody else serves a, b, c and 1 other"},
		{[]string{"echo", "resize"}, "what it ran runs again elsewhere, but resize waits: nobody else serves it"},
	} {
		p.Workers[0].Functions = c.functions
		s.look()
		s.press("!")
		if line := s.line("w-2c10aa"); !strings.HasSuffix(line, c.want) {
			t.Errorf("of %v: %q, want %q", c.functions, line, c.want)
		}
	}
}

func TestAKillThatWasAskedForIsNoTrouble(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Workers[0].Reason = operator.ReasonKilled
	p.Totals.WorkersLost, p.Totals.WorkersKilled = 0, 1
	s.look()
	s.shows("1 killed", "w-2c10aa   node2/4001       killed by an … killed ")
	s.hides("LOST")
	s.press("!")
	s.hides("w-2c10aa")
}

// What a queue's jobs wait for may be at another queue.
func TestAQueueLacksWorkersOnlyForFunctionsThatNobodyServes(t *testing.T) {
	p := &operator.Picture{Functions: []operator.Function{{Name: "echo", Workers: 1}, {Name: "resize"}}}
	for _, c := range []struct {
		state  string
		waits  string
		oldest int64
		want   string
		why    string
	}{
		{operator.StateNoWorker, "resize", 10, wordNoWorker, "no worker anywhere"},
		{operator.StateOK, "resize", 10, wordNoWorker, "workers of other functions"},
		{operator.StateNoWorker, "echo", 10, wordBare, "pulled within a second"},
		{operator.StateNoWorker, "echo", 1000, wordBacklog, "not pulled"},
		{operator.StateOK, "echo", 10, operator.StateOK, ""},
		{operator.StateOK, "echo", 1000, wordBacklog, ""},
		{operator.StateLost, "resize", 1000, wordLost, ""},
		{operator.StateNoWorker, "", 0, wordBare, ""},
	} {
		q := &operator.Queue{Part: operator.Part{State: c.state}, Oldest: c.oldest}
		if c.waits != "" {
			q.Waiting, q.Functions = 1, map[string]operator.FunctionState{c.waits: {Waiting: 1}}
		}
		if got, _ := queueWord(q, p); got != c.want {
			t.Errorf("a queue %s where a job of %q waits for %d ms is %s, want %s", c.state, c.waits, c.oldest, got, c.want)
		}
	}
}

func TestADeployedFunctionIsShownAsItIs(t *testing.T) {
	for _, c := range []struct {
		f    operator.Function
		want string
	}{
		{operator.Function{State: operator.StateFailed, Waiting: 3, Oldest: 2000}, wordFailed},
		{operator.Function{State: operator.StateBroken, Workers: 2}, wordBroken},
		{operator.Function{State: operator.StateRemoved, Running: 1, Workers: 1}, operator.StateRemoved},
		{operator.Function{State: operator.StateNoWorker}, wordNoWorker},
		{operator.Function{State: operator.StateBroken, Waiting: 3}, wordBroken},
	} {
		if got, _ := functionWord(&c.f); got != c.want {
			t.Errorf("%+v is %s, want %s", c.f, got, c.want)
		}
	}
	s := newStage(t, 100, 30)
	s.system.picture.Functions[1].State = operator.StateFailed
	s.look()
	s.shows("! no version of resize has come up: faasctl functions resize says why")
	f := &s.system.picture.Functions[1]
	f.State, f.Workers, f.Waiting = operator.StateBroken, 3, 0
	f.Broken = []operator.Broken{{Worker: "w-1"}, {Worker: "w-2"}, {Worker: "w-3"}}
	s.look()
	s.shows("! resize does not come up at w-1 and 2 more: faasctl functions resize says why")
}

// The remedy is not what gives way.
func TestWhatToDoIsSeenAtEverySize(t *testing.T) {
	for _, size := range sizes {
		s := newStage(t, size[0], size[1])
		p := &s.system.picture
		says := func(what string) {
			t.Helper()
			s.look()
			if said := strings.Join(strings.Fields(s.screen()), " "); !strings.Contains(said, what) { // on several lines, perhaps
				t.Errorf("%d×%d does not say %q:\n%s", size[0], size[1], what, s.screen())
			}
		}
		says("start ")
		p.Functions = p.Functions[:1]
		says("more workers")
		p.Functions[0].Free = 3
		says("hand over")
		s.now = s.now.Add(time.Minute)
		silence(s.system)
		says("see that a coordinator runs")
		s.m.opt.Up = true // who has started that knows of no coordinator
		says("faasd up has stopped? start it again")
		s.hides("coordinator")
	}
}

// A worker without the function's labels would not help.
func TestAFunctionThatNoWorkerServesIsTroubleAndItsLabelsAreNamed(t *testing.T) {
	s := newStage(t, 160, 50)
	p := &s.system.picture
	f := &p.Functions[1]
	f.Waiting, f.Version = 0, 1
	s.look()
	s.shows("! resize has no worker and requests for it wait: start one that serves it (faasd worker)")
	f.Labels, f.Waiting = []string{"gpu", "big"}, 2
	s.look()
	s.shows("! resize has no worker with the label gpu,big and 2 jobs wait: start one (faasd worker --label gpu,big)")
	f.Waiting, p.Totals.Workers, p.Totals.WorkersDraining = 0, 0, 0
	s.look()
	s.hides("resize has")
	s.shows("! no worker is there")
}
