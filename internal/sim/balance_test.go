package sim

import (
	"fmt"
	"testing"
	"time"

	"faasd/internal/frontend"
)

func TestRequestsGoRoundRobinOverQueues(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3})
	for i := range 9 {
		r := c.ask()
		c.answered(time.Second, r)
		if want := QueueName(i % 3); r.Answers[0].Queue != want {
			t.Errorf("request %d went to %s, want %s", i, r.Answers[0].Queue, want)
		}
	}
}

func TestRequestsFollowQueuesThatComeAndGo(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2})
	even := func(queues int) {
		t.Helper()
		r := c.askMany(12 * queues)
		c.answered(time.Second, r...)
		// Handover may move some when a queue has more than it can run.
		if n := countBy(r, byQueue); len(n) != queues {
			t.Errorf("with %d queues requests went to %v", queues, n)
		}
	}
	even(2)
	c.Start("queueC")
	c.Start("worker3")
	c.within(15*time.Second, "a worker at queueC", func() bool {
		return c.queueOf("worker1") == "queueC" || c.queueOf("worker2") == "queueC" || c.queueOf("worker3") == "queueC"
	})
	c.Run(time.Second)
	even(3)
	c.Shut("queueB", time.Second)
	c.Run(time.Second)
	even(2)
}

func TestWorkersJoinQueuesRoundRobin(t *testing.T) {
	c := start(t, Layout{Queues: 3})
	for i := range 9 {
		name := fmt.Sprintf("worker%d", i+1)
		c.Start(name)
		c.within(time.Second, name+" has joined", func() bool { return c.queueOf(name) != "" })
		if want := QueueName(i % 3); c.queueOf(name) != want {
			t.Errorf("%s is at %s, want %s", name, c.queueOf(name), want)
		}
	}
}

func TestWorkersThatComeTogetherAreSpreadEvenlyByEveryBroker(t *testing.T) {
	for _, brokers := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(brokers, " brokers"), func(t *testing.T) {
			c := start(t, Layout{Brokers: brokers, Queues: 3})
			const workers = 18
			for i := range workers {
				c.Start(fmt.Sprintf("worker%d", i+1))
			}
			c.Run(20 * time.Second)
			n := make(map[string]int)
			for i := range workers {
				n[c.queueOf(fmt.Sprintf("worker%d", i+1))]++
			}
			for i := range 3 {
				if got := n[QueueName(i)]; got < workers/3-1 || got > workers/3+1 {
					t.Errorf("workers are at %v, want %d at each, or one more or less", n, workers/3)
					break
				}
			}
		})
	}
}

func TestWorkersOfAQueueTakeTurns(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 3})
	var all []*Request
	for range 30 {
		r := c.ask()
		c.answered(time.Second, r)
		all = append(all, r)
	}
	for i := range 3 {
		if n := countBy(all, byWorker); n[fmt.Sprintf("worker%d", i+1)] != 10 {
			t.Fatalf("30 requests one after another were run by %v, want 10 each", n)
		}
	}
}

func TestAQueueThatComesBackGetsItsShareOfWorkers(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 6})
	c.Node("queueB").Crash()
	c.Run(15 * time.Second)
	c.Start("queueB")
	c.within(30*time.Second, "two workers at each queue", func() bool {
		n := make(map[string]int)
		for i := range 6 {
			n[c.queueOf(fmt.Sprintf("worker%d", i+1))]++
		}
		return n["queueA"] == 2 && n["queueB"] == 2 && n["queueC"] == 2
	})
	c.answered(time.Second, c.askMany(30)...)
}

func TestAFunctionOfOneWorkerIsReachedFromEverywhere(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3})
	c.Run(3 * time.Second) // until the frontend can know
	if r := c.askWith(frontend.Request{Function: "upper"}); r.Refusal != frontend.UnknownFunction {
		t.Fatalf("refusal %d for a function that nobody has, want that it is unknown", r.Refusal)
	}
	c.requests = nil
	c.StartWorker("worker4", "upper")
	c.Run(2 * time.Second)
	for range 9 {
		r := c.askWith(frontend.Request{Function: "upper"})
		c.answered(time.Second, r)
		if r.Answers[0].Worker != "worker4" {
			t.Errorf("run by %s", r.Answers[0].Worker)
		}
	}
}
