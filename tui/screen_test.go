package tui

import (
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"faasd/internal/operator"
)

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

func TestATooSmallTerminalSaysSoAndCanBeLeft(t *testing.T) {
	s := newStage(t, 59, 15)
	s.shows("too small", "60×15", "q quits")
	if _, cmd := s.m.Update(keyMsg("q")); cmd == nil {
		t.Error("q does nothing")
	}
	s.update(tea.WindowSizeMsg{Width: 60, Height: 15})
	s.shows("QUEUE")
}

// Windows are dragged to any size while anything is on the screen.
func TestEveryViewStandsEverySize(t *testing.T) {
	s := newStage(t, 100, 30)
	for _, keys := range []string{"o", "a", "i", "f", "b", "e", "t", "!", "o\r", "o\r2", "o\r3", "a\r", "i\r", "f\r", "a?", "aK"} {
		for _, key := range strings.ReplaceAll(keys, "\r", "⏎") {
			s.press(strings.ReplaceAll(string(key), "⏎", "enter"))
		}
		for _, w := range []int{1, 3, 60, 61, 500} {
			for _, h := range []int{1, 2, 3, 5, 14, 15, 16, 17, 20, 200} {
				s.update(tea.WindowSizeMsg{Width: w, Height: h})
				s.update(s.feed.Snapshot())
				lines := strings.Split(s.m.View(), "\n")
				if len(lines) > h {
					t.Errorf("%q at %d×%d: %d lines", keys, w, h, len(lines))
				}
				for _, l := range lines {
					if ansi.StringWidth(l) > w {
						t.Errorf("%q at %d×%d: %q is wider", keys, w, h, l)
					}
				}
			}
		}
		s.update(tea.WindowSizeMsg{Width: 100, Height: 30})
		s.press("esc")
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

func TestWhatWasSaidIsForgottenAfterAWhileOrWithTheNextKey(t *testing.T) {
	const nothing, paused = "there is nothing more to show of it", "the display is paused"
	s := newStage(t, 100, 30)
	s.press("b", "enter")
	s.shows(nothing)
	s.now = s.now.Add(noteFor)
	s.look()
	s.hides(nothing)
	s.press("enter")
	s.shows(nothing)
	s.press("a")
	s.hides(nothing)
	s.press("down", "p", "K")
	s.shows(paused)
	s.now = s.now.Add(noteFor)
	s.look()
	s.hides(paused)
}

func TestWhatIsSaidOfADeedStaysWhileKeysArePressed(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down", "d", "tab", "enter", "a", "down")
	s.shows("drain w-a00000 gone")
	s.now = s.now.Add(noteFor)
	s.look()
	s.hides("drain w-a00000 gone")
}

func TestThemesHaveColours(t *testing.T) {
	for _, name := range Themes {
		s := newStage(t, 100, 30, func(o *Options) { o.Theme, o.Colour = name, true })
		if got, want := strings.ContainsRune(s.m.View(), '\x1b'), name != "mono"; got != want {
			t.Errorf("%s: escape codes %t, want %t", name, got, want)
		}
	}
}
