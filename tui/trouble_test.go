package tui

import (
	"fmt"
	"testing"
	"time"

	"faasd/internal/operator"
)

func TestAWellSystemIsSaidToBeWell(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Functions[0].Oldest = 0, 0
	p.Totals.WorkersLost, p.Totals.Rates.Failed = 0, 0
	s.look()
	s.shows("all is well")
	for _, c := range []struct {
		harm func()
		want string
	}{
		{func() { p.Workers[3].Stuck = 2 }, "worker w-a00001 has 2 runs that should have stopped"},
		{func() { p.Totals.Refused += 3 }, "3 requests refused with 503 in the last minute"},
		{func() { p.Totals.Failed += 360; p.Functions[0].Rates.Failed = 2 }, "360 requests failed in the last minute (echo)"},
		{func() { p.Functions[0].Waiting, p.Functions[0].Oldest = 4, 2000 }, "echo: 4 jobs wait, the oldest for 2.0s"},
		{func() { p.Brokers[0].State = operator.StateLost }, "no broker is heard"},
		{func() { p.Frontends[0].State = operator.StateLost }, "no frontend is heard"},
		{func() { p.Functions[0].Workers = 0 }, "echo has no worker and 4 jobs wait"},
	} {
		c.harm()
		s.look()
		s.shows("! " + c.want)
	}
}

func TestASystemWithoutPartsIsNotWell(t *testing.T) {
	s := newStage(t, 100, 30)
	s.system.picture = operator.Picture{Frontends: s.system.picture.Frontends, Coordinators: s.system.picture.Coordinators}
	s.look()
	s.shows("! no queue is heard")
	s.system.picture.Queues = busy().picture.Queues[1:2]
	s.look()
	s.shows("! no worker is there")
	s.system.picture.Totals.Workers = 1
	s.look()
	s.shows("! no broker is heard")
}

// Failures are not forgotten as soon as they have stopped.
func TestWhatHasFailedIsRememberedForAMinute(t *testing.T) {
	s := newStage(t, 100, 30)
	p := &s.system.picture
	p.Queues, p.Functions, p.Brokers = p.Queues[1:2], p.Functions[:1], p.Brokers[:1]
	p.Functions[0].Waiting, p.Totals.WorkersLost = 0, 0
	p.Totals.Failed = 1000 // long ago
	step := func(d time.Duration) { s.now = s.now.Add(d); s.look() }
	step(2 * time.Minute)
	step(time.Second)
	s.shows("all is well")
	p.Totals.Failed = 1360
	step(time.Second)
	s.shows("360 requests failed in the last minute")
	p.Totals.Failed = 5 // the frontend has begun anew
	step(30 * time.Second)
	s.shows("360 requests failed in the last minute")
	step(31 * time.Second)
	s.shows("all is well")
}

func TestAllThatIsWrongIsListedWhole(t *testing.T) {
	s := newStage(t, 60, 15)
	s.press("!")
	s.shows("What is wrong", "resize has no worker", "(faasd worker)", "echo: 1,102 jobs wait")
	s.press("G")
	s.shows("worker w-2c10aa of queueA was lost (silent for 3 s)")
}

func TestEachLostWorkerIsNamedWithItsReason(t *testing.T) {
	s := newStage(t, 60, 15)
	p := &s.system.picture
	lose := func(n int) {
		for i := range n {
			w := &p.Workers[i]
			w.State, w.Reason = operator.StateLost, fmt.Sprintf("killed by somebody for a reason of %d words", i)
		}
		p.Totals.WorkersLost = n
		s.look()
	}
	lose(2)
	s.press("!", "G")
	s.shows("w-7f3b01 of queueA was lost (killed by", "reason of 1 words)")
	lose(9)
	s.press("G")
	s.shows("4 more workers were lost: a lists all")
}
