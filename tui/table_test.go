package tui

import (
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

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

func TestMarksAreCountedAndGoWithTheirRows(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", " ", " ")
	s.shows("2 marked")
	s.system.picture.Workers = slices.Delete(s.system.picture.Workers, 1, 2)
	s.look()
	s.shows("1 marked")
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

func TestWhatHasNoRoomInItsRowStandsBelow(t *testing.T) {
	s := newStage(t, 60, 15)
	s.system.picture.Workers[0].Reason = "did not die when it was told to; disconnected"
	s.look()
	s.press("a")
	s.shows("FUNCTIONS did not die when it was told to; disconnected", "HOST/PID node2/4001", "HEARD 9.1s")
	s.press("b")
	s.shows("JOBS 1,160 open, 12 refused")
	s.press("e", "up")
	s.shows("WHAT w-2c10aa lost (silent for 3 s) with 1 job (job …8FE2)")
	s.update(tea.WindowSizeMsg{Width: 160, Height: 50})
	s.hides("WHAT w-2c10aa")
	s.press("a")
	s.shows("did not die when it was told to; disconnected !LOST") // where there is room
}

func TestNoColumnIsLeftOutThatHasRoom(t *testing.T) {
	for _, columns := range [][]column{queueColumns, workerColumns, withoutQueue(workerColumns), jobColumns, functionColumns, partColumns, eventColumns} {
		list := newTable("", columns...)
		for w := leastWidth; w < 200; w++ {
			shown := list.shown(w)
			left := w - gutter + 1
			for _, i := range shown {
				left -= columns[i].width + 1
			}
			for i, c := range columns {
				seen := slices.Contains(shown, i)
				if !seen && (c.rank == 0 || c.rank != hide && c.width+1 <= left) || seen && c.rank == hide {
					t.Errorf("%d columns wide, %s seen: %t, with room for %d", w, c.title, seen, left)
				}
			}
			if left < 0 && w >= 80 {
				t.Errorf("%d columns wide, %d too many are seen", w, -left)
			}
		}
	}
	s := newStage(t, 80, 24)
	s.press("a")
	s.shows("QUEUE")
}

func TestAFilterLooksAtWhatMayBeSeen(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("a", "/")
	s.write("node2/4010") // for which there is no room in its row
	s.press("enter")
	s.shows("Workers 1 of 16", "HOST/PID node2/4010")
	s.press("o", "tab", "/")
	s.write("queueA") // in every row, and not shown in any
	s.shows("nothing here contains")
}

func TestMarksDoNotGoWithoutAWord(t *testing.T) {
	for _, leave := range []string{"esc", "o", "a", "f"} {
		s := newStage(t, 100, 30)
		s.press("a", "down", " ", " ", leave)
		s.shows("2 marks went with the list of workers")
	}
	s := newStage(t, 100, 30)
	s.press("tab", "down", " ", "shift+tab", "down") // another queue's workers
	s.shows("1 mark went with the list of workers")
	s.press("tab", " ", "enter", "esc")
	s.shows("1 marked")
	s.press("K", "tab", "tab", "enter", "a")
	s.hides("went with")
	s.press("o", "shift+tab", "enter", "down", " ", "2") // another tab
	s.hides("went with")
	s.press("1")
	s.shows("1 marked")
}

func TestTheLongestKindOfEventIsSeenWhole(t *testing.T) {
	for _, size := range sizes[1:] { // at 60 columns no kind is shown
		s := newStage(t, size[0], size[1])
		s.system.events = append(s.system.events, event(4, "info", "registrar1", "function-rolled-back", "", "hello: version 1 takes new requests again"))
		s.look()
		s.press("e")
		s.shows(" function-rolled-back hello: version 1")
	}
}
