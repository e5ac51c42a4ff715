package tui

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/teatest"
)

// A whole program with its terminal: what is typed, and what is drawn.
func start(t *testing.T, s *stage) *teatest.TestModel {
	t.Helper()
	tm := teatest.NewTestModel(t, s.m, teatest.WithInitialTermSize(100, 30))
	s.m.opt.send = tm.Send
	var looked atomic.Int64 // time passes as it is looked at
	s.m.opt.Now = func() time.Time { return noon.Add(time.Duration(looked.Add(1)) * readFor) }
	t.Cleanup(func() { _ = tm.Quit() })
	tm.Send(s.feed.Snapshot())
	return tm
}

func waitFor(t *testing.T, tm *teatest.TestModel, texts ...string) {
	t.Helper()
	var seen bytes.Buffer
	teatest.WaitFor(t, io.TeeReader(tm.Output(), &seen), func(b []byte) bool {
		for _, text := range texts {
			if !strings.Contains(string(b), text) {
				return false
			}
		}
		return true
	}, teatest.WithDuration(10*time.Second), teatest.WithCheckInterval(10*time.Millisecond))
}

func TestAKillFromTheFirstPictureToTheLastWord(t *testing.T) {
	s := newStage(t, 100, 30)
	tm := start(t, s)
	waitFor(t, tm, "Queues 3", "w-7f3b01")
	for _, k := range []string{"tab", "down", "K"} {
		tm.Send(keyMsg(k))
	}
	waitFor(t, tm, "KILL 1 worker")
	for _, k := range []string{"tab", "tab", "enter"} {
		tm.Send(keyMsg(k))
	}
	waitFor(t, tm, "kill w-7f3b01 gone")
	tm.Send(keyMsg("q"))
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
	s.asked("kill w-7f3b01")
}

func TestFromAQueueToItsJobAndBack(t *testing.T) {
	s := newStage(t, 100, 30)
	tm := start(t, s)
	waitFor(t, tm, "Queues 3")
	tm.Send(keyMsg("enter"))
	waitFor(t, tm, "[1 Workers]")
	tm.Send(keyMsg("2"))
	waitFor(t, tm, "[2 Jobs]")
	tm.Send(keyMsg("enter"))
	waitFor(t, tm, "no broker or queue knows it")
	tm.Send(keyMsg("esc"))
	tm.Send(keyMsg("esc"))
	tm.Send(keyMsg("ctrl+c"))
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
}
