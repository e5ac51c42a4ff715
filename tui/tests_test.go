package tui

import (
	"fmt"
	"testing"

	"faasd/internal/acceptance"
)

func TestTestsAreRunOneAtATimeAndStopped(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("t", "down")
	stopped := false
	s.m.tests.begin(2, func() { stopped = true })
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

func TestAllStepsOfATestCanBeRead(t *testing.T) {
	for _, size := range sizes[:2] {
		s := newStage(t, size[0], size[1])
		s.press("t")
		s.m.tests.begin(1, func() {})
		for n := range 30 {
			s.update(stepMsg{1, acceptance.Step{Text: fmt.Sprintf("step %d.", n), State: acceptance.Passed, TookMillis: 1}})
		}
		s.press("tab") // it has followed
		s.shows("step 29.", " above")
		s.hides("step 0.")
		s.press("g")
		s.shows("step 0.", " below")
		s.update(stepMsg{1, acceptance.Step{Text: "step 30.", State: acceptance.Running}})
		s.shows("step 0.") // it is read
		s.press("G")
		s.shows("step 30.")
		s.press("s", "S", "/")
		s.shows("step 30.", "there is nothing to filter or sort here")
	}
}
