package tui

import (
	"strings"
	"testing"
)

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

func TestAFunctionHasItsWorkersAndJobs(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("f", "enter")
	s.shows("function echo  !BACKLOG  waiting 1,102", "[1 Workers]", "Workers 16")
	s.press("tab")
	s.shows("[2 Jobs]", "Jobs 11")
	s.press("tab", "down", "K")
	s.shows("KILL 1 worker", "w-7f3b01 on node2")
	s.press("esc", "esc", "down", "enter")
	s.shows("function resize", "no worker serves it")
	s.system.picture.Functions = s.system.picture.Functions[:1]
	s.look()
	s.shows("function resize is no longer served; Esc goes back")
}
