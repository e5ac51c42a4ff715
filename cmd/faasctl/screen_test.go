package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
	"unsafe"

	"faasd/internal/acceptance"
	"faasd/internal/config"
)

// terminal opens a pseudo-terminal and returns the end that programs have.
func terminal(t *testing.T) *os.File {
	t.Helper()
	_, slave := pseudoTerminal(t)
	return slave
}

// pseudoTerminal opens one and returns both ends.
func pseudoTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	var unlock, number int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestEscapeCodesAreForTerminalsThatWantThem(t *testing.T) {
	tty := terminal(t)
	for _, c := range []struct {
		what string
		out  io.Writer
		env  map[string]string
		json bool
		want reporter
	}{
		{"a terminal", tty, map[string]string{"TERM": "xterm-256color"}, false, &screen{}},
		{"no colour wanted", tty, map[string]string{"TERM": "xterm-256color", "NO_COLOR": "1"}, false, &lines{}},
		{"a dumb terminal", tty, map[string]string{"TERM": "dumb"}, false, &lines{}},
		{"a terminal of no kind", tty, nil, false, &lines{}},
		{"no terminal", &bytes.Buffer{}, map[string]string{"TERM": "xterm"}, false, &lines{}},
		{"JSON", tty, map[string]string{"TERM": "xterm"}, true, silence{}},
	} {
		got := newReporter(config.Stdio{Out: c.out, Env: func(name string) string { return c.env[name] }}, c.json)
		if reflect.TypeOf(got) != reflect.TypeOf(c.want) {
			t.Errorf("%s: %T, want %T", c.what, got, c.want)
		}
		if s, ok := got.(*screen); ok && s.width() < 1 {
			t.Errorf("its width is %d", s.width())
		}
	}
}

// show plays a test of one step that passes and one that ends as given.
func show(r reporter, last acceptance.Step) {
	r.begin(acceptance.Test{Number: 9, Name: "a test", Promise: "Each word of this promise is on the screen, however narrow."})
	first := acceptance.Step{Text: "the first step of this test", State: acceptance.Running}
	r.step(first)
	first.State, first.TookMillis, first.Evidence = acceptance.Passed, 1234, []string{"what was seen of it by those who looked"}
	r.step(first)
	r.step(acceptance.Step{Text: last.Text, State: acceptance.Running})
	r.step(last)
	r.end(acceptance.Result{Number: 9, State: last.State, TookMillis: 2000, Logs: "/tmp/logs"})
}

func TestTheScreenFitsItsTerminal(t *testing.T) {
	failed := acceptance.Step{Text: "a second", State: acceptance.Failed, Expected: strings.Repeat("x", 200), Seen: "one\ntwo"}
	for _, width := range []int{1, 30, 60, 80, 500} {
		var out bytes.Buffer
		show(&screen{out: &out, width: func() int { return width }}, failed)
		text := out.String()
		for _, code := range []string{green, red, faint, reset, "\x1b[K"} {
			text = strings.ReplaceAll(text, code, "")
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("unknown escape codes: %q", text)
		}
		for line := range strings.Lines(text) {
			rows := strings.Split(strings.TrimSuffix(line, "\n"), "\r")
			if n := utf8.RuneCountInString(rows[len(rows)-1]); n > max(width, 50) /* a path is not broken */ {
				t.Errorf("%d columns in %d: %q", n, width, line)
			}
			for _, frame := range rows[:len(rows)-1] {
				if n := utf8.RuneCountInString(frame); n >= max(width, 2) {
					t.Errorf("a line that is redrawn has %d columns of %d: %q", n, width, frame)
				}
			}
		}
		joined := strings.Join(strings.Fields(text), " ")
		for _, want := range []string{"✗ 0.00 s a second", "1.23 s", "seen: one", "two", "failed after 2.00 s", "/tmp/logs"} {
			if !strings.Contains(joined, want) {
				t.Errorf("at %d columns %q is not in:\n%s", width, want, text)
			}
		}
	}
}

func TestTheStepUnderWayIsShown(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, width: func() int { return 80 }}
	s.step(acceptance.Step{Text: "it is under way", State: acceptance.Running})
	s.stopSpinner()
	if want := restart + "  ⠋   0.00 s  it is under way"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestAStoppedTestSaysSo(t *testing.T) {
	stopped := acceptance.Step{Text: "a second", State: acceptance.Stopped}
	var out bytes.Buffer
	show(&lines{out: &out}, stopped)
	if text := out.String(); !strings.Contains(text, "  stopped") || !strings.Contains(text, "stopped after 2.00 s\n") || strings.Contains(text, "expected") {
		t.Errorf("%s", text)
	}
	report := junit([]acceptance.Result{{State: acceptance.Stopped}}, 0)
	if c := report.Suite.Cases[0]; report.Suite.Skipped != 1 || c.Skipped == nil || c.Failure != nil {
		t.Errorf("the report has %+v", report)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 20, ""},
		{"one two three", 20, "one two three"},
		{"one two three four", 13, "one two three|four"},
		{"abcdefghijklmnopqrstuvwxyz", 10, "abcdefghij|klmnopqrst|uvwxyz"},
		{"ab cdefghijklmnop", 10, "ab|cdefghijkl|mnop"},
		{"ñandú ñandú", 11, "ñandú ñandú"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
