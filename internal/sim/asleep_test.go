package sim

import (
	"testing"
	"time"

	"faasd/internal/frontend"
)

// The brokers have given it up meanwhile; its clients do not notice.
func TestAFrontendThatWasStoppedRefusesNothing(t *testing.T) {
	c := start(t, Layout{Brokers: 2, Queues: 2, Workers: 2})
	c.Node("frontend1").Stop()
	c.Run(5 * time.Second)
	c.Node("frontend1").Continue()
	var all []*Request
	for range 1000 {
		r := c.ask()
		if r.Refusal != frontend.Accepted {
			t.Fatalf("after %d requests one is refused: %d", len(all), r.Refusal)
		}
		all = append(all, r)
		c.Run(5 * ms)
	}
	c.answered(5*time.Second, all...)
	slowest := time.Duration(0)
	for _, r := range all {
		slowest = max(slowest, r.Took)
	}
	if slowest > 500*ms {
		t.Errorf("the slowest took %s, want that the brokers are asked at once", slowest)
	}
}
