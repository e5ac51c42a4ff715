package tui

import (
	"slices"
	"strings"
	"testing"

	"faasd/internal/operator"
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
	s.shows("Enter does it", "workers")
	s.hides("kill", "scale", "undrain")
	for _, line := range []string{"kill w-a00000", "scale 5"} {
		s.write(line)
		s.press("enter")
		s.shows("this screen was started with --read-only")
		s.press(":")
	}
	s.asked()
}

// On any screen all commands are seen, and Tab goes round among them.
func TestThePaletteOffersAllThatMayFollow(t *testing.T) {
	for _, size := range sizes {
		s := newStage(t, size[0], size[1])
		s.press(":")
		said := strings.Join(strings.Fields(s.screen()), " ")
		if all := strings.Join(words, " "); !strings.Contains(said, all) {
			t.Errorf("%d×%d: not all of %q is seen:\n%s", size[0], size[1], all, s.screen())
		}
		for _, want := range []string{words[0], words[1], words[2]} {
			s.press("tab")
			s.shows(":" + want + "_")
		}
		s.press("backspace")
		s.write("x")
		s.press("tab")
		s.shows(":functionx_") // none begins so
		s.press("esc", ":")
		s.write("sort p")
		s.press("tab", "tab", "tab", "tab")
		s.shows(":sort p50_") // after p50, p95 and p99
		s.press("esc")
	}
}

func TestThePaletteScalesTheSystem(t *testing.T) {
	s := newStage(t, 100, 30)
	do := func(line string) {
		s.press(":")
		s.write(line)
		s.press("enter")
	}
	do("scale 5")
	s.shows("nothing here scales workers")
	up := operator.Part{Name: "up", State: operator.StateOK, Incarnation: 71}
	s.system.picture.Supervisors = []operator.Part{up}
	s.look()
	s.shows("start one that serves it (:scale N, or faasd worker)")
	for _, wrong := range []string{"scale", "scale 0", "scale many"} {
		do(wrong)
		s.shows("write scale N")
	}
	s.asked()
	do("scale 5")
	do("scale worker=6")
	s.asked("scale up to 5", "scale up to 6")
	s.shows("scale worker=6 done: all joined")
	s.system.picture.Supervisors = []operator.Part{up, up}
	s.look()
	do("scale 7")
	s.shows("2 faasd up are in sight")
	do("help")
	s.shows("Keys", "any other key goes back")
}

func TestEveryCommandThatIsOfferedIsOne(t *testing.T) {
	s := newStage(t, 100, 30)
	for _, word := range words {
		s.press(":")
		s.write(word)
		s.press("enter")
		s.hides("no command")
		s.press("esc")
	}
	for _, d := range s.m.destinations() {
		if !slices.Contains(words, d.word) {
			t.Errorf("%s is not offered", d.word)
		}
	}
	if !slices.IsSorted(words) {
		t.Errorf("%v are not in order", words)
	}
}
