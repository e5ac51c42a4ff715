package sim

import (
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// refusedAsleep runs a system in which a queue asks for a job of another and stops
// at once, so that the move is refused; and the other is stopped before it can hear
// that, for longer than it may trust its broker. So it wakes with a job that it must
// hold. Faults that are drawn do this in one system of a thousand.
func refusedAsleep() (*System, *Request) {
	s := New(Layout{Queues: 2, Serve: func(_ string, r worker.Start) (worker.Outcome, time.Duration) {
		return worker.Outcome{Body: r.Job.Body}, 500 * time.Millisecond
	}})
	s.Run(time.Second)
	s.Start("worker1")
	s.Run(time.Second)
	taker, giver := s.Worker("worker1").Joined(), "queueA"
	if taker == giver {
		giver = "queueB"
	}
	asked, refused := false, false
	s.Arrived = func(_ string, to *Node, p role.Packet, _ time.Duration) {
		topic := string(p.Frames[0])
		switch {
		case to.Name == giver && strings.HasPrefix(topic, wire.TopicTake) && !asked:
			asked = true
			s.Node(taker).Do(s.Queue(taker).Drain)
		case strings.HasPrefix(to.Name, "broker") && asked && !refused && len(p.Frames) == 2 && len(topic) > 3 && wire.Type(topic[3]) == wire.TypeMove:
			refused = true
			n := s.Node(giver)
			n.Stop()
			s.After(2500*time.Millisecond, n.Continue)
		}
	}
	var last *Request
	for range 4 { // one runs, and one waits at each queue at least
		last = s.Ask("frontend1", frontend.Request{Function: "echo", Timeout: time.Minute, Body: []byte("body")})
	}
	s.Run(6 * time.Second)
	s.Arrived = nil
	s.Node(taker).Do(s.Queue(taker).Leave)
	s.Until(20*time.Second, last.Done)
	return s, last
}

func TestAQueueHoldsAJobWhoseMoveWasRefusedWhileItWasStopped(t *testing.T) {
	s, last := refusedAsleep()
	var all travels
	all.add(s.World)
	for states, taken := range all.taken {
		if states.Of == "job at a queue" && taken[[2]uint8{3, 2}] == 0 {
			t.Error("no queue has held a job whose move was refused")
		}
	}
	if !last.OK() {
		t.Errorf("the last request is answered by %+v", last.Answers)
	}
	for _, odd := range strange(s.World) {
		t.Error(odd)
	}
}
