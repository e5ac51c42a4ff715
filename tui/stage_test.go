package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"faasd/internal/operator"
)

const ms = time.Millisecond

// noon is when all that the tests show happens.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// theSystem is a system that the test says everything of.
type theSystem struct {
	mu      sync.Mutex
	picture operator.Picture
	events  []operator.Event
	done    []string // "kill w-1", in the order they were asked
	fails   error
	job     []operator.JobAt
}

func (s *theSystem) Picture() operator.Picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.picture
}

func (s *theSystem) Events(from int) ([]operator.Event, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[min(from, len(s.events)):], len(s.events)
}

func (s *theSystem) do(what string, w operator.Worker, tell func(operator.Progress)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, what+" "+w.Name)
	if s.fails != nil {
		return s.fails
	}
	tell(operator.Progress{Stage: operator.Acknowledged, Text: w.Queue + " has told it"})
	tell(operator.Progress{Stage: operator.Gone, Text: "lost (killed by an operator)"})
	return nil
}

func (s *theSystem) Kill(_ context.Context, w operator.Worker, tell func(operator.Progress)) error {
	return s.do("kill", w, tell)
}

func (s *theSystem) Drain(_ context.Context, w operator.Worker, _ bool, tell func(operator.Progress)) error {
	return s.do("drain", w, tell)
}

func (s *theSystem) Undrain(_ context.Context, w operator.Worker, tell func(operator.Progress)) error {
	return s.do("undrain", w, tell)
}

func (s *theSystem) Scale(_ context.Context, supervisor operator.Part, n int, tell func(operator.Progress)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, fmt.Sprintf("scale %s to %d", supervisor.Name, n))
	tell(operator.Progress{Stage: operator.Done, Text: "all joined"})
	return s.fails
}

func (s *theSystem) Job(context.Context, string) ([]operator.JobAt, error) {
	return s.job, s.fails
}

// A stage is a screen and the system that it shows, in a time that stands still.
type stage struct {
	t      *testing.T
	system *theSystem
	now    time.Time
	feed   *Feed
	m      *model
	inbox  []tea.Msg // what commands have told while they were done
}

// newStage makes a screen of that size which shows a busy system.
func newStage(t *testing.T, w, h int, options ...func(*Options)) *stage {
	t.Helper()
	s := &stage{t: t, system: busy(), now: noon}
	s.feed = NewFeed(s.system, func() time.Time { return s.now })
	o := Options{
		System: s.system, Target: "tcp://10.0.0.5:5555", Interval: time.Second, Theme: "auto", Zone: time.UTC,
		Now: func() time.Time { return s.now }, ctx: t.Context(), send: func(msg tea.Msg) { s.inbox = append(s.inbox, msg) },
	}
	for _, change := range options {
		change(&o)
	}
	m, err := newModel(o)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	s.update(tea.WindowSizeMsg{Width: w, Height: h})
	s.look()
	return s
}

// update gives the screen a message, and all that comes of it.
func (s *stage) update(msg tea.Msg) {
	_, cmd := s.m.Update(msg)
	s.carryOut(cmd)
}

func (s *stage) carryOut(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil, tea.QuitMsg:
	case tea.BatchMsg:
		for _, c := range msg {
			s.carryOut(c)
		}
	default:
		for len(s.inbox) > 0 {
			first := s.inbox[0]
			s.inbox = s.inbox[1:]
			s.update(first)
		}
		s.update(msg)
	}
}

// look shows what the system is now.
func (s *stage) look() { s.update(s.feed.Snapshot()) }

// press presses keys: "K", "enter", "tab", "shift+tab", "esc", "down", …
func (s *stage) press(keys ...string) {
	for _, k := range keys {
		s.now = s.now.Add(readFor) // as people do
		s.update(keyMsg(k))
	}
}

// write types a text.
func (s *stage) write(text string) {
	for _, r := range text {
		s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
}

func keyMsg(k string) tea.KeyMsg {
	if k == "alt+esc" { // ESC ESC, as a slow line brings two
		return tea.KeyMsg{Type: tea.KeyEsc, Alt: true}
	}
	for t, names := range map[tea.KeyType][]string{
		tea.KeyEnter: {"enter"}, tea.KeyTab: {"tab"}, tea.KeyShiftTab: {"shift+tab"}, tea.KeyEsc: {"esc"}, tea.KeyUp: {"up"},
		tea.KeyDown: {"down"}, tea.KeyPgDown: {"pgdown"}, tea.KeyPgUp: {"pgup"}, tea.KeyHome: {"home"}, tea.KeyEnd: {"end"},
		tea.KeySpace: {" "}, tea.KeyCtrlC: {"ctrl+c"}, tea.KeyLeft: {"left"}, tea.KeyRight: {"right"}, tea.KeyBackspace: {"backspace"},
	} {
		if names[0] == k {
			msg := tea.KeyMsg{Type: t}
			if t == tea.KeySpace {
				msg.Runes = []rune{' '}
			}
			return msg
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
}

// screen is what is seen, without colours.
func (s *stage) screen() string { return ansi.Strip(s.m.View()) }

// shows fails unless all the texts are on the screen.
func (s *stage) shows(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.screen(), text) {
			s.t.Errorf("%q is not on the screen:\n%s", text, s.screen())
		}
	}
}

func (s *stage) hides(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if strings.Contains(s.screen(), text) {
			s.t.Errorf("%q is on the screen:\n%s", text, s.screen())
		}
	}
}

// line is the first line of the screen that contains a text.
func (s *stage) line(text string) string {
	s.t.Helper()
	for line := range strings.Lines(s.screen()) {
		if strings.Contains(line, text) {
			return strings.TrimRight(line, "\n")
		}
	}
	s.t.Fatalf("no line with %q:\n%s", text, s.screen())
	return ""
}

// asked are the commands that the system has got.
func (s *stage) asked(want ...string) {
	s.t.Helper()
	if got := fmt.Sprint(s.system.done); got != fmt.Sprint(want) {
		s.t.Errorf("the system was asked to %v, want %v", s.system.done, want)
	}
}

var errRefused = errors.New("refused by queueA: no such worker")

// busy is a system in which something is wrong.
func busy() *theSystem {
	s := &theSystem{}
	rates := func(in, out, failed float64) operator.Rates {
		return operator.Rates{Known: true, In: in, Out: out, Failed: failed}
	}
	part := func(name, state string, inc int, age int64) operator.Part {
		return operator.Part{
			Name: name, State: state, Incarnation: operator.Incarnation(inc), Host: "node1", PID: 900 + inc, Version: "v0.4.0", AgeMillis: age,
			Started: noon.Add(-76 * time.Hour).UnixMilli(),
		}
	}
	p := &s.picture
	p.Totals = operator.Totals{
		Queues: 3, Workers: 14, Slots: 120, Free: 106, Waiting: 1142, Running: 14, Done: 9_812_331, Open: 1160, JobsTotal: 1156,
		Rates: rates(12_130, 12_010, 0.3), Latency: operator.Latency{Count: 720_000, P50: 0.6, P95: 6.1, P99: 24, Max: 304},
		WorkersDraining: 1, WorkersLost: 1,
	}
	latency := operator.Latency{Count: 1000, P50: 24, P95: 71, P99: 304, Max: 812}
	p.Queues = []operator.Queue{
		{
			Part: part("queueA", operator.StateOK, 11, 400), Workers: 8, Slots: 64, Free: 0, Waiting: 1102, Running: 8, Oldest: 3400, Done: 41_022,
			Moved: 88, Arrived: 43_000, Latency: latency, Rates: rates(410, 322, 0), JobsTotal: 1110,
			Functions: map[string]operator.FunctionState{"echo": {Workers: 8, Waiting: 1102, Oldest: 3400}}, Spread: []operator.Bin{
				{Below: 10, Count: 100}, {Below: 20, Count: 300}, {Below: 50, Count: 500}, {Below: 100, Count: 80}, {Below: 1000, Count: 20},
			},
		},
		{
			Part: part("queueB", operator.StateOK, 12, 700), Workers: 7, Slots: 8, Free: 2, Running: 6, Done: 9_700_000, Taken: 41, Arrived: 9_700_006,
			Latency: operator.Latency{Count: 90, P50: 3, P95: 9, P99: 22, Max: 40}, Rates: rates(1900, 1910, 0.3), JobsTotal: 6,
		},
		{Part: part("queueC", operator.StateNoWorker, 13, 500), Waiting: 40, Oldest: 41_000, Arrived: 40, Rates: rates(12, 0, 0), JobsTotal: 40,
			Functions: map[string]operator.FunctionState{"resize": {Waiting: 40, Oldest: 41_000}}},
	}
	worker := func(queue, inc int, name, state string, running int) operator.Worker {
		w := operator.Worker{Queue: p.Queues[queue].Name, QueueIncarnation: p.Queues[queue].Incarnation, Rates: rates(0, 38.9, 0)}
		w.ID, w.Name, w.Kind, w.Host, w.PID = fmt.Sprintf("%016x", inc), name, "native", "node2", 4000+inc
		w.State, w.Functions, w.Slots, w.Running, w.Done, w.HeardMillis, w.P99 = state, []string{"echo"}, 8, running, 5120, 400, 71
		if running > 0 {
			w.Job, w.RunMillis = fmt.Sprintf("01JQXM7C2N8RZ5V0T4W6Y%05d", inc), 210
		}
		return w
	}
	p.Workers = []operator.Worker{
		worker(0, 1, "w-2c10aa", operator.StateLost, 0),
		worker(0, 2, "w-7f3b01", operator.WorkerDraining, 1),
	}
	p.Workers[0].Reason, p.Workers[0].HeardMillis, p.Workers[0].Rates.Known = "silent for 3 s", 9100, false
	for i := range 7 {
		p.Workers = append(p.Workers, worker(0, 10+i, fmt.Sprintf("w-a%05d", i), operator.WorkerUp, 1))
	}
	for i := range 7 {
		p.Workers = append(p.Workers, worker(1, 20+i, fmt.Sprintf("w-b%05d", i), operator.WorkerUp, i%2))
	}
	for i, w := range p.Workers {
		if w.Job != "" {
			p.Jobs = append(p.Jobs, operator.Job{
				ID: w.Job, Function: "echo", State: "running", Queue: w.Queue, Worker: w.Name, Attempt: 1 + i%2, AttemptLimit: 3,
				Bytes: 24, AgeMillis: 400 + int64(i), RunMillis: w.RunMillis, LeftMillis: 29_600,
			})
		}
	}
	p.Functions = []operator.Function{
		{Name: "echo", State: operator.StateOK, Queues: 2, Workers: 15, Free: 0, Waiting: 1102, Running: 14, Oldest: 3400, Rates: rates(12_100, 12_000, 0.3), Latency: latency},
		{Name: "resize", State: operator.StateNoWorker, Queues: 1, Waiting: 40, Oldest: 41_000, Rates: rates(12, 0, 0)},
	}
	p.Frontends = []operator.Part{part("frontend", operator.StateOK, 31, 300)}
	p.Frontends[0].Frontend = &operator.FrontendState{Open: 1160, Refused: 12}
	p.Brokers = []operator.Part{part("broker1", operator.StateOK, 41, 800), part("broker2", operator.StateLost, 42, 12_000)}
	p.Brokers[0].Broker = &operator.BrokerState{Holding: 1156}
	p.Coordinators = []operator.Part{part("coordinator", operator.StateOK, 51, 600)}
	s.events = []operator.Event{
		event(1, "info", "queueA", "worker-joined", "w-7f3b01", "joined queueA with 8 slots"),
		event(2, "warn", "queueA", "worker-lost", "w-2c10aa", "lost (silent for 3 s) with 1 job"),
		event(3, "info", "queueA", "worker-drained", "w-7f3b01", "drain asked by operator"),
	}
	s.events[1].Job = "01JQXM7C2N8RZ5V0T4W6Y08FE2"
	return s
}

func event(n int, level, name, kind, worker, what string) operator.Event {
	return operator.Event{
		Number: uint64(n), Millis: noon.Add(time.Duration(n) * time.Second).UnixMilli(), Level: level, Name: name, Kind: kind, Worker: worker, Text: what,
	}
}
