package tui

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

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
	s.shows("K and what followed came together with other keys and was left out")
	together("Kq", true)
	together("jj", true)
	if line := s.line("> queue"); !strings.Contains(line, "queueA") {
		t.Errorf("a pasted text moves the cursor to %q", line)
	}
}

// ESC is also what terminals send before a key that is pressed with Alt.
func TestEscapeAndAKeyThatComeTogetherAreTwoKeys(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K")
	s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("f"), Alt: true})
	s.hides("KILL")
	s.shows("Functions 2")
	s.press("enter")
	s.update(tea.KeyMsg{Type: tea.KeyEsc, Alt: true})
	s.shows("Queues 3")
	s.press("/")
	s.write("abc")
	s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("b"), Alt: true}) // a word back
	s.shows("/abc_")
}

func TestTheKeyBarHasOnlyWhatDoesSomething(t *testing.T) {
	s := newStage(t, 160, 30)
	for keys, want := range map[string]string{
		"o": "K kill  d drain  Enter open  Tab pane  / filter  s sort  t tests  p pause  : command  ? keys  q quit",
		"a": "Esc back  K kill  d drain  Space mark  Enter open  / filter  s sort  t tests  p pause  : command  ? keys  q quit",
		"b": "Esc back  / filter  s sort  t tests  p pause  : command  ? keys  q quit",
		"!": "Esc back  t tests  p pause  : command  ? keys  q quit",
		"e": "Esc back  Enter open  / filter  s sort  F follow  t tests  p pause  : command  ? keys  q quit",
		"t": "Esc back  Enter run, or stop  Tab pane  / filter  s sort  p pause  : command  ? keys  q quit",
	} {
		s.press(keys)
		lines := strings.Split(s.screen(), "\n")
		if got := lines[len(lines)-1]; got != want {
			t.Errorf("after %s: %q, want %q", keys, got, want)
		}
	}
}

func TestTheKeyBarFollowsWhatIsUnderTheCursor(t *testing.T) {
	s := newStage(t, 80, 24)
	bar := func() string {
		lines := strings.Split(s.screen(), "\n")
		return lines[len(lines)-1]
	}
	s.press("a")
	if got := bar(); !strings.Contains(got, "Space mark") || strings.Contains(got, "undrain") {
		t.Errorf("of workers: %q", got)
	}
	s.press("down") // a draining one
	if got := bar(); !strings.Contains(got, "u undrain") {
		t.Errorf("of a draining worker: %q", got)
	}
	s.press("p")
	if got := bar(); strings.Contains(got, "K kill") || strings.Contains(got, "undrain") {
		t.Errorf("while paused: %q", got)
	}
	s.press("p")
	s.now = s.now.Add(3 * time.Second)
	silence(s.system)
	s.look()
	if got := bar(); strings.Contains(got, "K kill") || strings.Contains(got, "d drain") {
		t.Errorf("while nobody is heard: %q", got)
	}
}
