package chaos

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parts(role string) []string { return []string{role + "1", role + "2"} }

// Three minutes are enough for every kind of fault in every role.
func TestThePlanHasAllKindsOfFaultInAllRoles(t *testing.T) {
	for seed := range uint64(50) {
		draw := func() []Fault {
			return plan(rand.New(rand.NewPCG(seed, 0)), parts, 3*time.Minute, 11500*time.Millisecond)
		}
		faults := draw()
		if !reflect.DeepEqual(faults, draw()) {
			t.Fatal("the plan is not drawn from the seed alone")
		}
		seen, last := make(map[string]bool), time.Duration(-1)
		for _, f := range faults {
			seen[f.Kind+" "+strings.TrimRight(f.Part, "12")] = true
			if last >= 0 && f.At-last < 10*time.Second {
				t.Errorf("a fault at %s, %s after the one before", f.At, f.At-last)
			}
			last = f.At
		}
		if len(seen) != 15 || 3*time.Minute-last < 10*time.Second {
			t.Errorf("seed %d: %d kinds of fault, the last at %s: %v", seed, len(seen), last, seen)
		}
	}
}

func TestACutSevers(t *testing.T) {
	for _, c := range []struct {
		cut  cut
		a, b string
		want bool
	}{
		{cut{part: "queueA"}, "queueA", "broker1", true},
		{cut{part: "queueA"}, "worker1", "queueA", true},
		{cut{part: "queueA"}, "worker1", "queueB", false},
		{cut{part: "queueA", peer: "broker1"}, "queueA", "broker1", true},
		{cut{part: "queueA", peer: "broker1"}, "broker1", "queueA", true},
		{cut{part: "queueA", peer: "broker1"}, "queueA", "broker2", false},
		{cut{part: "queueA", peer: "broker1"}, "broker1", "queueB", false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			if got := c.cut.severs(c.a, c.b); got != c.want {
				t.Errorf("severed: %t", got)
			}
		})
	}
}
