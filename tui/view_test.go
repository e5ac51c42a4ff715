package tui

import (
	"slices"
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

// The pane with the focus is one whose rows can be read, on any screen.
func TestThePaneWithTheFocusHasRows(t *testing.T) {
	for _, size := range sizes {
		s := newStage(t, size[0], size[1])
		for n := range 9 {
			s.system.events = append(s.system.events, event(10+n, "info", "queueB", "worker-joined", "w-new", "joined queueB"))
		}
		s.system.picture.Workers = s.system.picture.Workers[:2]
		s.look()
		for range s.m.view().panes() {
			p := s.m.pane()
			if p.height < min(len(p.rows), 2) {
				t.Errorf("%d×%d: %d rows of %s are seen:\n%s", size[0], size[1], p.height, p.title, s.screen())
			}
			s.shows("  queueB  ", "  queueC  ") // there is room for all
			for _, p := range s.m.view().panes() {
				if below := len(p.rows) - p.top - p.height; p.seen() && below < 0 && p.top > 0 {
					t.Errorf("%d×%d: %s has %s", size[0], size[1], p.title, p.more())
				}
			}
			s.press("tab")
		}
	}
	s := newStage(t, 60, 15)
	s.press("tab", "tab", "K") // the workers are not seen
	s.hides("KILL")
	s.shows("no worker is under the cursor of a list")
}

// A worker that speaks REQ says nothing while it runs a job: its silence is no sign.
func TestABusyWorkerThatCannotBeHeardIsSaidToBeBusy(t *testing.T) {
	s := newStage(t, 160, 50)
	w := &s.system.picture.Workers[2]
	w.Kind, w.HeardMillis = "req", 17_000
	s.look()
	s.press("a", "down", "down")
	if line := s.line("w-a00000"); !strings.HasSuffix(strings.TrimSpace(line), "busy") {
		t.Errorf("%q", line)
	}
	s.press("enter")
	s.shows("heard 17.0s ago, busy since")
	w.Running = 0
	s.look()
	s.hides("busy since")
	s.press("esc")
	if line := s.line("w-a00000"); !strings.Contains(line, "17.0s") {
		t.Errorf("idle: %q", line)
	}
}

func TestHelpExplainsEveryColumnAndWord(t *testing.T) {
	s := newStage(t, 160, 50)
	explained := strings.Join(s.m.helpText(), "\n")
	plain := []string{"", "QUEUE", "STATE", "WORKER", "HOST/PID", "FUNCTIONS", "FUNCTION", "PART", "ROLE", "VERSION", "TIME", "LEVEL", "WHO", "KIND", "WHAT", "TEST", "STEP"}
	for _, columns := range [][]column{queueColumns, workerColumns, jobColumns, functionColumns, partColumns, eventColumns, latencyColumns, testColumns, stepColumns} {
		for _, c := range columns {
			if !slices.Contains(plain, c.title) && !strings.Contains(explained, c.title) {
				t.Errorf("? does not say what %s is", c.title)
			}
		}
	}
	for _, word := range []string{wordBacklog, wordNoWorker, wordFailed, wordBroken, wordLost, wordVersion, wordStuck, wordBare, wordKilled} {
		if !strings.Contains(explained, "  "+word) {
			t.Errorf("? does not say what %s means", word)
		}
	}
}
