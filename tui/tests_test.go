package tui

import (
	"testing"

	"faasd/internal/acceptance"
)

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
