package sim

import (
	"testing"
	"time"

	"faasd/internal/frontend"
)

func TestAFullSystemRefusesAndNeverHoldsMoreThanTheWindow(t *testing.T) {
	const window, share = 10, 5 // one function alone gets half
	for _, brokers := range []int{1, 2} {
		c := start(t, Layout{Brokers: brokers, Queues: 2, Workers: 2, Window: window, Serve: taking(100 * ms)})
		most := 0
		held := func() {
			for i := range brokers {
				most = max(most, Footprint(c.Node([]string{"broker1", "broker2"}[i]).Machine)[".jobs"])
			}
			for _, q := range []string{"queueA", "queueB"} {
				if n := Footprint(c.Node(q).Machine)[".jobs"]; n > window*brokers {
					t.Fatalf("%s holds %d jobs; %d brokers may have %d each there", q, n, brokers, window)
				}
			}
		}
		var accepted, refused []*Request
		for range 200 {
			r := c.ask()
			if r.Refusal == frontend.Full {
				refused = append(refused, r)
			} else {
				accepted = append(accepted, r)
			}
			c.Run(2 * ms)
			held()
		}
		if len(refused) == 0 || most != share {
			t.Errorf("%d brokers: %d refused, at most %d held by one; want some refused and %d", brokers, len(refused), most, share)
		}
		c.answered(10*time.Second, accepted...)
		for _, r := range refused {
			if r.Refusal != frontend.Full || len(r.Answers) > 0 {
				t.Errorf("refused with %d, answers %+v", r.Refusal, r.Answers)
			}
		}
		// There is room again.
		c.Run(3 * time.Second)
		c.empty()
		again := c.askMany(share)
		c.answered(5*time.Second, again...)
	}
}

func TestCancelledJobsGiveTheirRoomBack(t *testing.T) {
	const window, share = 10, 5
	c := start(t, Layout{Queues: 2, Workers: 2, Window: window, Serve: forever})
	for range 20 {
		all := c.askMany(share)
		for i, r := range all {
			if r.Refusal != frontend.Accepted {
				t.Fatalf("request %d of a round is refused with %d, want room for %d", i, r.Refusal, share)
			}
		}
		c.Run(50 * ms)
		for _, r := range all {
			r.Cancel()
		}
		c.Run(3 * time.Second)
	}
	c.empty()
}

func TestWithoutABrokerRequestsAreRefused(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1})
	c.Node("broker1").Crash()
	c.Run(4 * time.Second)
	if r := c.ask(); r.Refusal != frontend.NoBroker {
		t.Errorf("refusal %d, want that there is no broker", r.Refusal)
	}
}
