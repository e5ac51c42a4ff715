package tui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"faasd/internal/acceptance"
	"faasd/internal/operator"
)

// update is -update, which teatest defines: write the golden files anew.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if update() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another (run with -update if that is meant):\n%s\nwant:\n%s", name, got, want)
	}
}

// trimmed is the screen without spaces at the ends of lines.
func (s *stage) trimmed() string {
	var b strings.Builder
	for line := range strings.Lines(s.screen()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

var sizes = [][2]int{{60, 15}, {80, 24}, {100, 30}, {160, 50}}

// scenes are what is looked at in every size.
var scenes = []struct {
	name string
	set  func(s *stage)
}{
	{"overview", func(*stage) {}},
	{"kill", func(s *stage) { s.press("tab", "down", "K") }},
	{"kill-last", func(s *stage) {
		s.system.picture.Workers = s.system.picture.Workers[:3]
		s.look()
		s.press("tab", "end", "K")
	}},
	{"queue-workers", func(s *stage) { s.press("enter") }},
	{"queue-jobs", func(s *stage) { s.press("enter", "2") }},
	{"queue-latency", func(s *stage) { s.press("enter", "3") }},
	{"queue-events", func(s *stage) { s.press("enter", "4") }},
	{"worker", func(s *stage) { s.press("tab", "down", "enter") }},
	{"job", func(s *stage) {
		s.system.job = []operator.JobAt{
			{Role: "broker", Name: "broker1", Text: "was given to queueA", Job: &operator.Job{State: "given", Queue: "queueA"}},
			{Role: "queue", Name: "queueA", Text: "runs on w-7f3b01", Job: &s.system.picture.Jobs[0],
				Request: &operator.Preview{Start: []byte("{\"hola\":\"señor \x1b[31m\"}\n"), Bytes: 24, ContentType: "application/json"}},
		}
		s.press("i", "enter")
	}},
	{"workers", func(s *stage) { s.press("a") }},
	{"jobs", func(s *stage) { s.press("i") }},
	{"functions", func(s *stage) { s.press("f") }},
	{"function", func(s *stage) { s.press("f", "enter") }},
	{"parts", func(s *stage) { s.press("b") }},
	{"events", func(s *stage) { s.press("e") }},
	{"tests", func(s *stage) {
		s.press("t")
		s.m.tests.begin(3, func() {})
		s.update(stepMsg{3, acceptance.Step{Text: "all services and workers are on the bus", State: acceptance.Passed, TookMillis: 320, Evidence: []string{"queueA 1 worker"}}})
		s.update(stepMsg{3, acceptance.Step{Text: "the worker of queueA is killed", State: acceptance.Running}})
		s.press("down", "down")
	}},
	{"help", func(s *stage) { s.press("?") }},
	{"filter", func(s *stage) { s.press("tab", "/"); s.write("a0000") }},
	{"palette", func(s *stage) { s.press(":"); s.write("func") }},
	{"stale", func(s *stage) { s.now = s.now.Add(6 * time.Second); silence(s.system); s.look() }},
	{"reconnecting", func(s *stage) { s.now = s.now.Add(time.Minute); silence(s.system); s.look() }},
	{"paused", func(s *stage) {
		s.press("p")
		s.system.events = append(s.system.events, event(4, "info", "queueB", "worker-joined", "w-9", "joined"))
		s.look()
	}},
}

// silence has nobody be heard any more.
func silence(s *theSystem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := operator.Picture{Queues: append([]operator.Queue(nil), s.picture.Queues...)}
	for i := range p.Queues {
		p.Queues[i].State = operator.StateLost
	}
	s.picture = p
}

func TestEveryScreenLooksAsDrawn(t *testing.T) {
	for _, scene := range scenes {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %d×%d", scene.name, size[0], size[1]), func(t *testing.T) {
				s := newStage(t, size[0], size[1])
				scene.set(s)
				golden(t, fmt.Sprintf("%s-%dx%d", scene.name, size[0], size[1]), s.trimmed())
			})
		}
	}
}

// Whatever the terminal's size, no line is wider than it and none is too many:
// bubbletea would lose the first ones.
func TestNoScreenIsLargerThanTheTerminal(t *testing.T) {
	for _, scene := range scenes {
		for _, w := range []int{1, 2, 7, 15, 30, 59, 60, 79, 80, 99, 120, 161, 200} {
			for _, h := range []int{1, 2, 3, 5, 8, 11, 14, 15, 24, 37, 50} {
				s := newStage(t, w, h, func(o *Options) { o.Colour, o.ASCII = true, h%2 == 0 })
				scene.set(s)
				lines := strings.Split(s.m.View(), "\n")
				if len(lines) > h {
					t.Fatalf("%s at %d×%d has %d lines", scene.name, w, h, len(lines))
				}
				for _, l := range lines {
					if ansi.StringWidth(l) > w {
						t.Fatalf("%s at %d×%d has a line of %d columns: %q", scene.name, w, h, ansi.StringWidth(l), l)
					}
				}
			}
		}
	}
}

func TestWithoutColourNothingIsStyled(t *testing.T) {
	for _, scene := range scenes {
		s := newStage(t, 100, 30)
		scene.set(s)
		if strings.ContainsRune(s.m.View(), '\x1b') {
			t.Errorf("%s has escape codes", scene.name)
		}
	}
}

func TestWithoutUnicodeEverythingIsASCII(t *testing.T) {
	for _, scene := range scenes {
		s := newStage(t, 100, 30, func(o *Options) { o.ASCII = true })
		scene.set(s)
		for _, r := range s.m.View() {
			if r > 0x7e {
				t.Errorf("%s has a %q", scene.name, r)
				break
			}
		}
	}
}

// What strangers publish must not be obeyed by the terminal.
func TestNothingThatTheSystemSaysReachesTheTerminalRaw(t *testing.T) {
	const evil = "\x1b]52;c;aGk=\x07\r\n\x9b31m\u202e\u2028\u061c\U000e0041"
	s := newStage(t, 160, 50)
	p := &s.system.picture
	for i := range p.Queues {
		p.Queues[i].Name, p.Queues[i].Host, p.Queues[i].Version = evil, evil, evil
	}
	for i := range p.Workers {
		w := &p.Workers[i]
		w.Name, w.Host, w.Reason, w.Functions, w.State = evil, evil, evil, []string{evil}, evil
		w.ID, w.Kind, w.Job = fmt.Sprint(i, evil), evil, evil
	}
	for i := range p.Jobs {
		p.Jobs[i].ID, p.Jobs[i].Function, p.Jobs[i].Worker, p.Jobs[i].State = fmt.Sprint(i, evil), evil, evil, evil
	}
	for i := range p.Functions {
		p.Functions[i].Name = evil
	}
	for i := range s.system.events {
		e := &s.system.events[i]
		e.Text, e.Name, e.Kind, e.Worker, e.Job = evil, evil, evil, evil, evil
	}
	s.system.events = append(s.system.events, operator.Event{Number: 9, Text: evil})
	s.system.job = []operator.JobAt{{Role: evil, Name: evil, Text: evil, Job: &operator.Job{State: evil, Function: evil, Worker: evil, RunMillis: 1},
		Request: &operator.Preview{Start: []byte(evil), Bytes: 99, ContentType: evil}}}
	for _, scene := range scenes {
		if scene.name == "kill-last" {
			continue // it is about workers that are gone by now
		}
		s.look()
		scene.set(s)
		if strings.ContainsAny(s.m.View(), "\x1b\r\x07\u009b\u202e\u2028\u061c\U000e0041") {
			t.Errorf("%s: %q", scene.name, s.m.View())
		}
		s.m.dialog, s.m.prompt, s.m.help, s.m.paused = nil, nil, -1, false
		s.m.views = s.m.views[:1]
	}
	var b bytes.Buffer
	if err := Once(&b, s.m.opt, s.m.latest); err != nil || strings.ContainsAny(b.String(), "\x1b\r\x07\u009b\u202e\u2028\u061c\U000e0041") {
		t.Errorf("printed once: %v, %q", err, b.String())
	}
}

func TestOneSnapshotIsPrintedWhole(t *testing.T) {
	s := newStage(t, 80, 24)
	var b bytes.Buffer
	if err := Once(&b, s.m.opt, s.m.latest); err != nil {
		t.Fatal(err)
	}
	golden(t, "once", b.String())
}

// bubbletea draws when it likes, and how often it likes.
func TestDrawingChangesNothing(t *testing.T) {
	state := func(m *model) string {
		b := fmt.Sprintf("%+v %d", m.focus, m.help)
		for _, v := range m.views {
			for _, p := range v.panes() {
				b += fmt.Sprintf("\n%+v %s %d %+v", *p.table, p.title, p.lines, v)
			}
		}
		return b
	}
	for _, scene := range scenes {
		s := newStage(t, 80, 24)
		scene.set(s)
		before := state(s.m)
		s.m.w, s.m.h = 100, 18 // as if it came between
		_ = s.m.View()
		if after := state(s.m); after != before {
			t.Errorf("%s: drawing has changed\n%s\nto\n%s", scene.name, before, after)
		}
	}
}
