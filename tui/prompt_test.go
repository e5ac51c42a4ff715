package tui

import (
	"strings"
	"testing"
)

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
