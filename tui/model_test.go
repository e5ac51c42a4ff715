package tui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/acceptance"
	"faasd/internal/operator"
)

func TestTheCursorStaysWithItsRow(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("down") // queueB
	slices.Reverse(s.system.picture.Queues)
	s.look()
	if line := s.line("> queue"); !strings.Contains(line, "queueB") {
		t.Errorf("after the rows came in another order the cursor is at %q", line)
	}
	s.press("s", "s", "s") // by what waits
	if line := s.line("> queue"); !strings.Contains(line, "queueB") {
		t.Errorf("sorted, the cursor is at %q", line)
	}
	s.shows("sort waiting desc", "Workers of queueB")
	s.system.picture.Queues = slices.DeleteFunc(s.system.picture.Queues, func(q operator.Queue) bool { return q.Name == "queueB" })
	s.look()
	s.shows("> queue")
}

func TestRowsAreSortedAndTurnedRound(t *testing.T) {
	s := newStage(t, 100, 30)
	order := func() (names []string) {
		for line := range strings.Lines(s.screen()) {
			if f := strings.Fields(strings.TrimPrefix(line, ">")); len(f) > 2 && strings.HasPrefix(f[0], "queue") {
				names = append(names, f[0])
			}
		}
		return names
	}
	for _, c := range []struct {
		keys string
		want string
	}{
		{":sort waiting", "queueA queueC queueB"},
		{"S", "queueB queueC queueA"},
		{":sort p99", "queueA queueB queueC"},
		{":sort queue", "queueA queueB queueC"},
		{"S", "queueC queueB queueA"},
	} {
		if strings.HasPrefix(c.keys, ":") {
			s.press(":")
			s.write(c.keys[1:])
			s.press("enter")
		} else {
			s.press(c.keys)
		}
		if got := strings.Join(order(), " "); got != c.want {
			t.Errorf("after %s: %s, want %s", c.keys, got, c.want)
		}
	}
	s.press(":")
	s.write("sort nonsense")
	s.press("enter")
	s.shows(`no column "nonsense" here`, "WAITING")
}

func TestAFilterHidesRowsUntilItIsTakenAway(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "/")
	s.write("A0000")
	s.shows("/A0000_", "w-a00003")
	s.hides("w-7f3b01     node2")
	s.press("enter")
	s.shows("Workers of queueA 7 of 9", "filter /A0000")
	s.press("esc")
	s.shows("w-7f3b01", "Workers of queueA 9")
	s.press("/")
	s.write("none such")
	s.shows(`nothing here contains "none such"`)
	s.press("esc")
	s.shows("w-7f3b01")
}

func TestAWorkerIsKilledThroughTheDialog(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K")
	s.shows("KILL 1 worker", "w-7f3b01 on node2/4002, queueA", "> Cancel", "runs …0002: given to another, as attempt 3", "leaves queueA 7 workers, 1,102 waiting")
	s.press("enter") // Cancel is what is chosen
	s.asked()
	s.shows("kill: nothing was done")
	s.press("K", "esc")
	s.asked()
	s.press("K", "tab", "enter") // Drain instead
	s.asked("drain w-7f3b01")
	s.press("K", "tab", "tab", "enter")
	s.asked("drain w-7f3b01", "kill w-7f3b01")
	s.shows("kill w-7f3b01 gone: lost (killed by an operator)")
}

func TestAFailedCommandSaysWhy(t *testing.T) {
	s := newStage(t, 100, 30)
	s.system.fails = errRefused
	s.press("tab", "down", "down", "d", "tab", "enter")
	s.asked("drain w-a00000")
	s.shows("drain w-a00000 failed: refused by queueA: no such worker")
}

func TestADialogKeepsTheWorkersThatWereMeant(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K")
	slices.Reverse(s.system.picture.Workers)
	s.look()
	s.press("tab", "tab", "enter")
	s.asked("kill w-7f3b01")
}

func TestWhatMuchDependsOnMustBeTyped(t *testing.T) {
	last := func(s *stage) {
		s.system.picture.Workers = s.system.picture.Workers[2:3]
		s.look()
		s.press("tab")
	}
	for _, c := range []struct {
		name, typed string
		set         func(*stage)
		want        []string
	}{
		{"several are marked", "2", func(s *stage) { s.press("tab", "down", " ", " ") }, []string{"kill w-7f3b01", "kill w-a00000"}},
		{"the system's last", "queueA", last, []string{"kill w-a00000"}},
		{"a queue's last, and jobs wait", "queueA", func(s *stage) {
			s.system.picture.Workers = slices.DeleteFunc(s.system.picture.Workers, func(w operator.Worker) bool {
				return w.Queue == "queueA" && w.Name != "w-a00000"
			})
			s.look()
			s.press("tab")
		}, []string{"kill w-a00000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 100, 30)
			c.set(s)
			s.press("K", "tab", "tab", "enter")
			s.asked()
			s.shows("type " + c.typed + " to kill")
			s.write("no")
			s.press("enter")
			s.asked()
			s.press("backspace", "backspace")
			s.write(c.typed)
			s.press("enter")
			s.asked(c.want...)
		})
	}
	t.Run("nothing waits at the queue", func(t *testing.T) {
		s := newStage(t, 100, 30)
		s.system.picture.Queues[0].Waiting = 0
		s.system.picture.Workers = slices.DeleteFunc(s.system.picture.Workers, func(w operator.Worker) bool {
			return w.Queue == "queueA" && w.Name != "w-a00000"
		})
		s.look()
		s.press("tab", "K", "tab", "tab", "enter")
		s.asked("kill w-a00000")
	})
}

func TestADrainIsTakenBack(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down", "u")
	s.shows("no draining worker is under the cursor")
	s.press("up", "u")
	s.asked("undrain w-7f3b01")
}

func TestALostWorkerIsNoTarget(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "K") // the cursor is at the lost one
	s.press(" ")
	s.hides("KILL", "marked")
	s.shows("w-2c10aa is lost already")
}

func TestKeysThatActDoSoOnTheWorkersPane(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "shift+tab") // the focus is at the queues, the cursor of the workers at the second
	s.press("K")
	s.shows("KILL 1 worker", "w-7f3b01")
	s.press("esc", "tab", "enter", "K") // the worker's own view
	s.shows("worker w-7f3b01", "KILL 1 worker")
	s.press("esc", "f", "K")
	s.hides("KILL")
	s.shows("no worker is under the cursor of a list of workers")
}

func TestReadOnlyHasNoDangerousKeys(t *testing.T) {
	s := newStage(t, 100, 30, func(o *Options) { o.ReadOnly = true })
	s.shows("READ-ONLY")
	s.hides("K kill", "d drain")
	s.press("tab", "down", "K", "tab", "tab", "enter", "d", "u")
	s.press(":")
	s.write("kill w-a00000")
	s.press("enter", "tab", "tab", "enter")
	s.asked()
	s.shows("this screen was started with --read-only")
	s.press("?")
	s.hides("kill workers")
}

func TestNothingIsDoneToASystemThatIsNotHeard(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down")
	s.now = s.now.Add(3 * time.Second)
	silence(s.system)
	s.look()
	s.shows("STALE 3", "w-7f3b01", "1,102", "? not heard for 3") // what was known stays
	s.press("K")
	s.hides("KILL")
	s.shows("nothing can be done while the system is not heard")
	s.now = s.now.Add(10 * time.Second)
	s.look()
	s.shows("RECONNECTING 1", "1,102")
	s.now = s.now.Add(time.Hour)
	s.look()
	s.shows("RECONNECTING 1h00m", "1,102")
	s.system.picture = busy().picture
	s.look()
	s.shows("LIVE 1s")
}

func TestAPauseFreezesTheDisplayAndCounts(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("p")
	s.system.picture.Queues[0].Waiting = 7
	for n := range 3 {
		s.system.events = append(s.system.events, event(10+n, "info", "queueB", "worker-joined", "w-new", "joined queueB"))
	}
	s.look()
	s.shows("PAUSED +3 events", "1,102")
	s.press("tab", "down", "K")
	s.shows("the display is paused")
	s.press("p")
	s.shows("LIVE", "w-new")
	s.hides("1,102 ")
}

func TestViewsAreStackedAndLeft(t *testing.T) {
	s := newStage(t, 100, 30)
	for _, step := range []struct{ key, crumbs string }{
		{"enter", "overview › queueA"}, {"2", "overview › queueA"}, {"enter", "overview › queueA › job …0002"}, {"esc", "overview › queueA"}, {"esc", "overview"},
		{"esc", "overview"}, {"a", "overview › workers"}, {"enter", "overview › workers › w-2c10aa"}, {"f", "overview › functions"}, {"b", "overview › parts"},
		{"e", "overview › events"}, {"i", "overview › jobs"}, {"t", "overview › tests"}, {"o", "overview"},
	} {
		s.press(step.key)
		if lines := strings.Split(s.screen(), "\n"); !strings.HasPrefix(lines[len(lines)-2], step.crumbs) {
			t.Fatalf("after %s the crumbs are %q, want %q", step.key, lines[len(lines)-2], step.crumbs)
		}
	}
}

func TestAnEventLeadsToItsJobOrWorker(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("e", "up", "enter")
	s.shows("job 01JQXM7C2N8RZ5V0T4W6Y08FE2")
	s.press("esc", "down", "enter")
	s.shows("worker w-7f3b01 of queueA")
}

func TestWhoGoesBackInTheEventsStopsFollowing(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("e")
	s.shows("following")
	s.press("up")
	s.hides("following")
	s.system.events = append(s.system.events, event(9, "info", "queueC", "worker-joined", "w-new", "joined"))
	s.look()
	if line := s.line("> "); !strings.Contains(line, "w-2c10aa") {
		t.Errorf("the cursor is at %q", line)
	}
	s.press("G")
	s.shows("following")
}

func TestAJobThatNobodyKnowsIsSaidToBeUnknown(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("i", "enter")
	s.shows("no broker or queue knows it")
	s.system.job = []operator.JobAt{{Role: "queue", Name: "queueB", Text: "waits", Job: &operator.Job{State: "waiting", Function: "echo", AttemptLimit: 3, AgeMillis: 5}}}
	s.look() // asked again with each picture
	s.shows("queueB", "waits", "attempt 0/3")
}

func TestThePaletteGoesEverywhereAndExplainsItself(t *testing.T) {
	s := newStage(t, 100, 30)
	for word, want := range map[string]string{
		"workers": "Workers 16", "wor": "Workers 16", "functions": "Functions 2", "events lost": "filter /lost", "parts": "PART", "jobs": "Jobs",
		"tests": "Acceptance tests", "kill w-a00003": "KILL 1 worker", "kill w-": "workers whose name begins with", "theme pink": "no theme",
		"dance": `no command "dance"`, "overview": "Queues 3",
	} {
		s.press(":")
		s.write(word)
		s.press("enter")
		s.shows(want)
		s.press("esc", "esc", "o")
	}
	s.press(":")
	s.write("fun")
	s.press("tab")
	s.shows(":functions ")
	s.press("esc")
}

func TestMarksAreCountedAndGoWithTheirRows(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", " ", " ")
	s.shows("2 marked")
	s.system.picture.Workers = slices.Delete(s.system.picture.Workers, 1, 2)
	s.look()
	s.shows("1 marked")
}

func TestTestsAreRunOneAtATimeAndStopped(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("t", "down")
	stopped := false
	s.m.tests.running, s.m.tests.stop = 2, func() { stopped = true }
	s.m.tests.results[2] = &acceptance.Result{Number: 2, State: acceptance.Running}
	s.press("down", "enter")
	s.shows("test 2 runs; one at a time")
	s.press("up", "enter")
	if !stopped {
		t.Error("the test that runs is not stopped")
	}
	s.update(stepMsg{2, acceptance.Step{Text: "a step", State: acceptance.Running}})
	s.update(stepMsg{2, acceptance.Step{Text: "a step", State: acceptance.Failed, Expected: "200", Seen: "502", TookMillis: 7}})
	s.shows("✗", "a step", "expected: 200", "seen: 502")
	s.update(resultMsg{result: acceptance.Result{Number: 2, State: acceptance.Failed, Logs: "/tmp/x", TookMillis: 9, Steps: []acceptance.Step{{Text: "a step", State: acceptance.Failed}}}})
	s.shows("failed", "the logs are in /tmp/x")
}

func TestATooSmallTerminalSaysSoAndCanBeLeft(t *testing.T) {
	s := newStage(t, 59, 15)
	s.shows("too small", "60×15", "q quits")
	if _, cmd := s.m.Update(keyMsg("q")); cmd == nil {
		t.Error("q does nothing")
	}
	s.update(tea.WindowSizeMsg{Width: 60, Height: 15})
	s.shows("QUEUE")
}

func TestAWellSystemIsSaidToBeWell(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Functions[0].Oldest = 0, 0
	p.Totals.WorkersLost, p.Totals.Rates.Failed = 0, 0
	s.look()
	s.shows("all is well")
	for _, c := range []struct {
		harm func()
		want string
	}{
		{func() { p.Workers[3].Stuck = 2 }, "worker w-a00001 has 2 runs that should have stopped"},
		{func() { p.Totals.Refused += 3 }, "3 requests refused with 503 in the last minute"},
		{func() { p.Totals.Failed += 360; p.Functions[0].Rates.Failed = 2 }, "360 requests failed in the last minute (echo)"},
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

func TestADialogIsAskedAnewIfTheSystemHasChanged(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down", "K", "tab", "tab")
	s.shows("leaves queueA 6 workers")
	s.system.picture.Workers = s.system.picture.Workers[2:3] // the others die
	s.look()
	s.press("enter")
	s.asked()
	s.shows("no worker is left in the whole system", "type queueA to kill")
	s.press("enter")
	s.shows("first type queueA to kill")
	s.write("queueA")
	s.press("enter")
	s.asked("kill w-a00000")

	s = newStage(t, 100, 30)
	s.press("tab", "down", "K", "tab", "tab")
	s.now = s.now.Add(30 * time.Second)
	silence(s.system)
	s.look()
	s.press("enter")
	s.asked()
	s.shows("nothing can be done while the system is not heard")
}

func TestNothingIsDoneThatIsNotSeen(t *testing.T) {
	s := newStage(t, 59, 15)
	s.press("tab", "down", "K", "tab", "tab", "enter")
	s.asked()
	s = newStage(t, 100, 30)
	s.press("tab", "down", "K")
	s.update(tea.WindowSizeMsg{Width: 50, Height: 10})
	if _, cmd := s.m.Update(keyMsg("q")); cmd == nil {
		t.Error("q does not leave a screen that is too small for its dialog")
	}
}

func TestADialogForManyFitsTheSmallestScreen(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("a", "down")
	for range 9 {
		s.press(" ")
	}
	s.press("K")
	s.shows("KILL 9 workers", "type 9 to kill", "> Cancel", "Tab choose")
	s.press("tab", "tab")
	s.write("9")
	s.press("enter")
	if len(s.system.done) != 9 {
		t.Errorf("%v", s.system.done)
	}
}

func TestADrainDialogSaysThatWhatRunsIsFinished(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "d")
	s.shows("runs …0002: finished first")
}

func TestADrainMayBeAskedAgainAfterItWasTakenBack(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down")
	ended := false
	d := deed{verbDrain, s.m.pane().cursor, "w-7f3b01"}
	s.m.deeds[d] = func() { ended = true } // it waits for the worker's end
	s.press("d", "tab", "enter")
	s.asked()
	s.shows("drain w-7f3b01 was asked already, and is not over yet")
	s.press("u")
	s.asked("undrain w-7f3b01")
	if !ended {
		t.Error("the drain that was taken back is still waited for")
	}
	s.update(deedMsg{deed: d, err: context.Canceled, over: true})
	s.press("d", "tab", "enter")
	s.asked("undrain w-7f3b01", "drain w-7f3b01")
}

func TestAFailureStaysUntilSomethingElseIsAsked(t *testing.T) {
	s := newStage(t, 100, 30)
	a, b := deed{verbKill, "1", "w-1"}, deed{verbKill, "2", "w-2"}
	s.m.deeds[a], s.m.deeds[b] = func() {}, func() {}
	s.update(deedMsg{deed: a, err: errRefused, over: true})
	s.update(deedMsg{deed: b, stage: operator.Gone, text: "lost"})
	s.shows("kill w-1 failed: refused by queueA")
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

func TestTheTestUnderTheCursorIsMeant(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("t", "/")
	s.write("dead worker")
	s.press("enter")
	s.shows("Test 3")
	s.press("/")
	s.write("nonsense")
	s.press("enter", "enter")
	if s.m.tests.running != 0 {
		t.Errorf("test %d runs, and none is shown", s.m.tests.running)
	}
}

func TestAJobsAnswerReachesItUnderAnotherView(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("i", "enter")
	v := s.m.view().(*jobView)
	v.asking, v.answers = true, 0
	s.m.open(newWorkers())
	s.update(jobMsg{id: v.id})
	s.press("esc")
	if v.asking || v.answers == 0 {
		t.Error("its answer was dropped; it is never asked for again")
	}
}

func TestMarksCountThoughAFilterHidesThem(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", " ", "/")
	s.write("a00004")
	s.press("enter")
	s.shows("1 marked")
	s.press("K")
	s.shows("w-7f3b01 on node2")
}

func TestBeforeTheFirstPictureNoKeyPanics(t *testing.T) {
	m, err := newModel(Options{System: busy(), Theme: "auto", Zone: time.UTC, ctx: t.Context(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"y", "w", "K", "d", "u", "enter", "tab", "s", "S", " ", "p", "p", "/", "x", "esc", ":", "enter", "a", "i", "f", "b", "e", "t", "o", "1", "?", "q"} {
		m.Update(keyMsg(k))
		_ = m.View()
	}
}

func TestPartsThatFallSilentOneByOneAreNotShownAsLost(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	s.now = s.now.Add(2800 * ms)
	p.Queues = slices.Clone(p.Queues)
	for i := range p.Queues { // the coordinator has died: all are silent, and these have crossed 3 s
		p.Queues[i].State, p.Queues[i].AgeMillis = operator.StateLost, 3100
	}
	p.Frontends[0].AgeMillis, p.Brokers[0].AgeMillis, p.Coordinators[0].AgeMillis = 2700, 2800, 2900
	s.look()
	s.shows("STALE")
	if line := s.line("queueB"); !strings.Contains(line, " ok ") {
		t.Errorf("a picture of which half has fallen silent is shown: %q", line)
	}
}

// Failures are not forgotten as soon as they have stopped.
func TestWhatHasFailedIsRememberedForAMinute(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Totals.WorkersLost = 0, 0
	p.Totals.Failed = 1000 // long ago
	step := func(d time.Duration) { s.now = s.now.Add(d); s.look() }
	step(2 * time.Minute)
	step(time.Second)
	s.shows("all is well")
	p.Totals.Failed = 1360
	step(time.Second)
	s.shows("360 requests failed in the last minute")
	p.Totals.Failed = 5 // the frontend has begun anew
	step(30 * time.Second)
	s.shows("360 requests failed in the last minute")
	step(31 * time.Second)
	s.shows("all is well")
}

func TestAllThatIsWrongIsListedWhole(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("!")
	s.shows("What is wrong", "resize has no worker", "(faasd worker)", "echo: 1,102 jobs wait")
	s.press("G")
	s.shows("worker w-2c10aa of queueA was lost (silent for 3 s)")
}

func TestWhatWasSaidIsForgottenAfterAWhile(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("f", "enter")
	s.shows("there is nothing more to show of it")
	s.now = s.now.Add(noteFor)
	s.look()
	s.hides("there is nothing more to show of it")
}

func TestThePaletteCompletesWhatMayFollow(t *testing.T) {
	s := newStage(t, 100, 30)
	for line, want := range map[string]string{"fun": ":functions ", "theme l": ":theme light ", "sort w": ":sort waiting ", "kill w-a": ":kill w-a0000", "nonsense": ":nonsense"} {
		s.press(":")
		s.write(line)
		s.press("tab")
		s.shows(want)
		s.press("alt+esc")
	}
	s = newStage(t, 100, 30, func(o *Options) { o.ReadOnly = true })
	s.press(":")
	if hint := s.line("Enter does it"); strings.Contains(hint, "drain") {
		t.Errorf("what is not allowed is offered: %q", hint)
	}
}

func TestThemesHaveColours(t *testing.T) {
	for _, name := range Themes {
		s := newStage(t, 100, 30, func(o *Options) { o.Theme, o.Colour = name, true })
		if got, want := strings.ContainsRune(s.m.View(), '\x1b'), name != "mono"; got != want {
			t.Errorf("%s: escape codes %t, want %t", name, got, want)
		}
	}
}

// A line that is slow brings several keys at once.
func TestKeysThatComeTogetherAreAllTaken(t *testing.T) {
	s := newStage(t, 100, 30)
	together := func(text string, paste bool) {
		s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text), Paste: paste})
	}
	together("jj", false)
	if line := s.line("> queue"); !strings.Contains(line, "queueC") {
		t.Errorf("after two keys down the cursor is at %q", line)
	}
	together("kkKj", false) // nobody kills so
	s.hides("KILL")
	together("Kq", true)
	together("jj", true)
	if line := s.line("> queue"); !strings.Contains(line, "queueA") {
		t.Errorf("a pasted text moves the cursor to %q", line)
	}
}

func TestADialogIsSeenBeforeEnterCounts(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down")
	for _, k := range []string{"K", "tab", "tab", "enter"} { // all at once
		s.update(keyMsg(k))
	}
	s.asked()
	s.shows("KILL 1 worker", "> Kill")
	s.now = s.now.Add(readFor)
	s.press("enter")
	s.asked("kill w-a00000")
}
