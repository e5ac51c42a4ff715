package tui

import (
	"context"
	"testing"
	"time"

	"faasd/internal/operator"
)

func TestAFailedCommandSaysWhy(t *testing.T) {
	s := newStage(t, 100, 30)
	s.system.fails = errRefused
	s.press("tab", "down", "down", "d", "tab", "enter")
	s.asked("drain w-a00000")
	s.shows("drain w-a00000 failed: refused by queueA: no such worker")
}

func TestADrainIsTakenBack(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "down", "u")
	s.shows("no draining worker is under the cursor")
	s.press("up", "u")
	s.asked("undrain w-7f3b01")
}

func TestALostWorkerIsNoTarget(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "K") // the cursor is at the lost one
	s.press(" ")
	s.hides("KILL", "marked")
	s.shows("w-2c10aa is lost already")
}

func TestKeysThatActDoSoOnTheWorkersPane(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down", "shift+tab") // the focus is at the queues, the cursor of the workers at the second
	s.press("K")
	s.shows("KILL 1 worker", "w-7f3b01")
	s.press("esc", "tab", "enter", "K") // the worker's own view
	s.shows("worker w-7f3b01", "KILL 1 worker")
	s.press("esc", "f", "K")
	s.hides("KILL")
	s.shows("no worker is under the cursor of a list of workers")
}

func TestReadOnlyHasNoDangerousKeys(t *testing.T) {
	s := newStage(t, 100, 30, func(o *Options) { o.ReadOnly = true })
	s.shows("READ-ONLY")
	s.hides("K kill", "d drain")
	s.press("tab", "down", "K", "tab", "tab", "enter", "d", "u")
	s.press(":")
	s.write("kill w-a00000")
	s.press("enter")
	s.shows("this screen was started with --read-only")
	s.press("tab", "tab", "enter")
	s.asked()
	s.press("?")
	s.hides("kill workers")
}

func TestNothingIsDoneToASystemThatIsNotHeard(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down")
	s.now = s.now.Add(3 * time.Second)
	silence(s.system)
	s.look()
	s.shows("STALE 3", "w-7f3b01", "1,102", "? not heard for 3") // what was known stays
	s.press("K")
	s.hides("KILL")
	s.shows("nothing can be done while the system is not heard")
	s.now = s.now.Add(10 * time.Second)
	s.look()
	s.shows("RECONNECTING 1", "1,102")
	s.now = s.now.Add(time.Hour)
	s.look()
	s.shows("RECONNECTING 1h00m", "1,102")
	s.system.picture = busy().picture
	s.look()
	s.shows("LIVE 1s")
}

func TestADrainMayBeAskedAgainAfterItWasTakenBack(t *testing.T) {
	s := newStage(t, 100, 30)
	s.press("tab", "down")
	ended := false
	d := deed{verbDrain, s.m.pane().cursor, "w-7f3b01"}
	s.m.deeds[d] = func() { ended = true } // it waits for the worker's end
	s.press("d", "tab", "enter")
	s.asked()
	s.shows("drain w-7f3b01 was asked already, and is not over yet")
	s.press("u")
	s.asked("undrain w-7f3b01")
	if !ended {
		t.Error("the drain that was taken back is still waited for")
	}
	s.update(deedMsg{deed: d, err: context.Canceled, over: true})
	s.press("d", "tab", "enter")
	s.asked("undrain w-7f3b01", "drain w-7f3b01")
}

func TestAFailureStaysUntilSomethingElseIsAsked(t *testing.T) {
	s := newStage(t, 100, 30)
	a, b := deed{verbKill, "1", "w-1"}, deed{verbKill, "2", "w-2"}
	s.m.deeds[a], s.m.deeds[b] = func() {}, func() {}
	s.update(deedMsg{deed: a, err: errRefused, over: true})
	s.update(deedMsg{deed: b, stage: operator.Gone, text: "lost"})
	s.shows("kill w-1 failed: refused by queueA")
}
