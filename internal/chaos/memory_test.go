package chaos

import (
	"testing"

	"faasd/internal/proc"
)

// flooding is the memory of the system of `make overload`.
func flooding() *memory {
	return &memory{
		Capacity: Capacity{Workers: 5, Slots: 4, WindowJobs: 4096}, Layout: proc.Layout{Brokers: 2, Frontends: 2},
		flood: 4000, body: 1 << 10,
	}
}

func TestWhatMayBeHeldFollowsFromTheLoad(t *testing.T) {
	const job = 1<<10 + perJob
	narrow := flooding()
	narrow.WindowJobs = 64
	for _, c := range []struct {
		name string
		m    *memory
		role string
		want int64
	}{
		// 256 each of two functions and half a second of 2,000/s; for 100 ms of these a refusal is under way.
		{"", flooding(), "frontend", 1512*job + 1712*(1<<10+perConnection)},
		{"", flooding(), "broker", (2*1512 + 1000) * job},
		{"", flooding(), "queue", (2*1512 + 2*1512 + 1000) * job},
		{"", flooding(), "worker", (4 + 200) * job},
		{"", flooding(), "coordinator", 0},
		{"windows of 64", narrow, "frontend", 128*job + 328*(1<<10+perConnection)},
		{"windows of 64", narrow, "broker", (128 + 1000) * job},
		{"windows of 64", narrow, "queue", (128 + 256 + 1000) * job},
	} {
		if got := c.m.held(c.role); got != c.want {
			t.Errorf("%s %s: %d bytes, want %d", c.role, c.name, got, c.want)
		}
	}
}

// In 30 s of it each frontend refuses some 45,000 requests, each queue gets some
// 10,000 to run, each broker 15,000, each worker 6,000.
func TestALeakOfTenKibibytesARequestIsBeyondTheBound(t *testing.T) {
	const idle, leak = 20 << 20, 10 << 10
	for role, requests := range map[string]int64{"frontend": 45_000, "broker": 15_000, "queue": 10_000, "worker": 6_000} {
		if bound := flooding().bound(role, idle); idle+requests*leak <= bound {
			t.Errorf("%s: with %d MiB that leaked it is within its bound of %d", role, requests*leak>>20, bound>>20)
		}
	}
	if got := flooding().bound("coordinator", idle); got != idle+36<<20 {
		t.Errorf("a coordinator may have %d bytes, want %d", got, idle+36<<20)
	}
}
