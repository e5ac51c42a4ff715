package tui

import (
	"slices"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

func TestAWorkerIsKilledThroughTheDialog(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K")
	s.shows("KILL 1 worker", "w-7f3b01 on node2/4002, queueA", "> Cancel", "runs …0002: given to another, as attempt 3", "leaves queueA 7 workers, 1,102 waiting")
	s.press("enter") // Cancel is what is chosen
	s.asked()
	s.shows("kill: nothing was done")
	s.press("K", "esc")
	s.asked()
	s.press("K", "tab", "enter") // Drain instead
	s.asked("drain w-7f3b01")
	s.press("K", "tab", "tab", "enter")
	s.asked("drain w-7f3b01", "kill w-7f3b01")
	s.shows("kill w-7f3b01 gone: lost (killed by an operator)")
}

func TestADialogKeepsTheWorkersThatWereMeant(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K")
	slices.Reverse(s.system.picture.Workers)
	s.look()
	s.press("tab", "tab", "enter")
	s.asked("kill w-7f3b01")
}

func TestWhatMuchDependsOnMustBeTyped(t *testing.T) {
	last := func(s *stage) {
		s.system.picture.Workers = s.system.picture.Workers[2:3]
		s.look()
		s.press("tab")
	}
	for _, c := range []struct {
		name, typed string
		set         func(*stage)
		want        []string
	}{
		{"several are marked", "2", func(s *stage) { s.press("tab", "down", " ", " ") }, []string{"kill w-7f3b01", "kill w-a00000"}},
		{"the system's last", "queueA", last, []string{"kill w-a00000"}},
		{"a queue's last, and jobs wait", "queueA", func(s *stage) {
			s.system.picture.Workers = slices.DeleteFunc(s.system.picture.Workers, func(w operator.Worker) bool {
				return w.Queue == "queueA" && w.Name != "w-a00000"
			})
			s.look()
			s.press("tab")
		}, []string{"kill w-a00000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 100, 30)
			c.set(s)
			s.press("K", "tab", "tab", "enter")
			s.asked()
			s.shows("type " + c.typed + " to kill")
			s.write("no")
			s.press("enter")
			s.asked()
			s.press("backspace", "backspace")
			s.write(c.typed)
			s.press("enter")
			s.asked(c.want...)
		})
	}
	t.Run("nothing waits at the queue", func(t *testing.T) {
		s := newStage(t, 100, 30)
		s.system.picture.Queues[0].Waiting, s.system.picture.Queues[0].Functions = 0, nil
		s.system.picture.Workers = slices.DeleteFunc(s.system.picture.Workers, func(w operator.Worker) bool {
			return w.Queue == "queueA" && w.Name != "w-a00000"
		})
		s.look()
		s.press("tab", "K", "tab", "tab", "enter")
		s.asked("kill w-a00000")
	})
}

func TestADialogIsAskedAnewIfTheSystemHasChanged(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down", "K", "tab", "tab")
	s.shows("leaves queueA 6 workers")
	s.system.picture.Workers = s.system.picture.Workers[2:3] // the others die
	s.look()
	s.press("enter")
	s.asked()
	s.shows("no worker is left in the whole system", "type queueA to kill")
	s.press("enter")
	s.shows("first type queueA to kill")
	s.write("queueA")
	s.press("enter")
	s.asked("kill w-a00000")

	s = newStage(t, 100, 30)
	s.press("tab", "down", "K", "tab", "tab")
	s.now = s.now.Add(30 * time.Second)
	silence(s.system)
	s.look()
	s.press("enter")
	s.asked()
	s.shows("nothing can be done while the system is not heard")
}

func TestNothingIsDoneThatIsNotSeen(t *testing.T) {
	s := newStage(t, 59, 15)
	s.press("tab", "down", "K", "tab", "tab", "enter")
	s.asked()
	s = newStage(t, 100, 30)
	s.press("tab", "down", "K")
	s.update(tea.WindowSizeMsg{Width: 50, Height: 10})
	if _, cmd := s.m.Update(keyMsg("q")); cmd == nil {
		t.Error("q does not leave a screen that is too small for its dialog")
	}
}

func TestADialogForManyFitsTheSmallestScreen(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("a", "down")
	for range 9 {
		s.press(" ")
	}
	s.press("K")
	s.shows("KILL 9 workers", "type 9 to kill", "> Cancel", "Tab choose")
	s.press("tab", "tab")
	s.write("9")
	s.press("enter")
	if len(s.system.done) != 9 {
		t.Errorf("%v", s.system.done)
	}
}

func TestADrainDialogSaysThatWhatRunsIsFinished(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "d")
	s.shows("runs …0002: finished first")
}

func TestADialogIsSeenBeforeEnterCounts(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down")
	for _, k := range []string{"K", "tab", "tab", "enter"} { // all at once
		s.update(keyMsg(k))
	}
	s.asked()
	s.shows("KILL 1 worker", "> Kill")
	s.now = s.now.Add(readFor)
	s.update(keyMsg("x")) // a text is on its way
	s.update(keyMsg("enter"))
	s.asked()
	s.now = s.now.Add(readFor)
	s.press("enter")
	s.asked("kill w-a00000")
}

func TestWhoIsGoneBeforeEnterIsNotKilledAgain(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "K", "tab", "tab")
	workers := slices.Clone(s.system.picture.Workers)
	for i := range workers {
		if workers[i].Name == "w-7f3b01" {
			workers[i].State = operator.StateLost
		}
	}
	s.system.picture.Workers = workers
	s.look()
	s.press("enter")
	s.asked()
	s.shows("w-7f3b01: gone already, nothing was done")
}

// A promise that others take over is made only where others are.
func TestADialogSaysWhatIsLeftForEachFunction(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Workers = p.Workers[2:5] // of queueA
	only := func(function string, runs int) {
		p.Workers[0].Functions, p.Workers[0].Running = []string{function}, runs
		for i := range p.Jobs {
			if p.Jobs[i].Worker == p.Workers[0].Name {
				p.Jobs[i].Function = function
			}
		}
		s.look()
	}
	only("slow", 1)
	s.press("tab", "K")
	s.shows("runs …0010: waits until another serves slow", "leaves queueA 2 workers, none for slow, 1,102 waiting", "nobody is left to serve slow", "> Cancel")
	s.hides("given to another", "to kill:") // nothing waits for it
	s.press("esc", "d")
	s.shows("runs …0010: finished first", "nobody is left to serve slow")
	s.press("esc")
	only("resize", 1) // 40 wait for it, at another queue
	s.press("K")
	s.shows("nobody is left to serve resize", "type queueA to kill")
	s.press("esc")
	p.Jobs = nil // more than are listed
	s.look()
	s.press("K")
	s.shows("runs 1 job: waits until another serves it")
	s.press("esc")
	p.Workers[0].Functions = []string{"echo", "slow"}
	s.look()
	s.press("K")
	s.shows("runs 1 job: given to another that serves it, or waits for one", "2 workers, none for slow")
}
