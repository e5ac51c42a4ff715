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

// Three minutes are enough to kill, stop and cut off every role, and for all four
// kinds; six for every kind in every role.
func TestThePlanHasAllKindsOfFaultInAllRoles(t *testing.T) {
	const every = 11500 * time.Millisecond
	for seed := range uint64(50) {
		draw := func(duration time.Duration) []Fault {
			return plan(rand.New(rand.NewPCG(seed, 0)), parts, duration, every)
		}
		faults := draw(3 * time.Minute)
		if !reflect.DeepEqual(faults, draw(3*time.Minute)) {
			t.Fatal("the plan is not drawn from the seed alone")
		}
		done, names, last := make(map[string]bool), make(map[string]bool), time.Duration(-1)
		for _, f := range faults {
			done[kinds[f.Kind].done+" "+strings.TrimRight(f.Part, "12")] = true
			names[f.Kind.String()] = true
			if last >= 0 && f.At-last < 10*time.Second {
				t.Errorf("a fault at %s, %s after the one before", f.At, f.At-last)
			}
			last = f.At
		}
		if len(done) != 15 || len(names) != 4 || 3*time.Minute-last < 10*time.Second {
			t.Errorf("seed %d: %v done, %v, the last at %s", seed, done, names, last)
		}
		all := make(map[string]bool)
		for _, f := range draw(6 * time.Minute) {
			all[f.Kind.String()+" "+strings.TrimRight(f.Part, "12")] = true
		}
		if len(all) != 20 {
			t.Errorf("seed %d: in six minutes %v", seed, all)
		}
	}
}

func TestTheLeastDurationHasOneFault(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Second, time.Minute} {
		least := (&Torment{Every: every}).Least()
		for duration, want := range map[time.Duration]int{least: 1, least - 1: 0} {
			if n := len(plan(rand.New(rand.NewPCG(1, 0)), parts, duration, every)); n != want {
				t.Errorf("%d faults in %s, one every %s; want %d", n, duration, every, want)
			}
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
