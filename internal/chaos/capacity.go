package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"faasd/internal/proc"
)

// Functions of a system whose capacity is known. Its workers serve all three in
// the same slots.
const (
	slow  = "slow"  // takes service
	other = "other" // takes as long
	quick = "echo"  // takes no time
)

// service is how long a run of slow takes.
const service = 20 * time.Millisecond

// Capacity says how much a system can do.
type Capacity struct {
	Worker     string // path of the program internal/chaos/timed; "" is the one beside this program
	Workers    int
	Slots      int // of each worker
	WindowJobs int // that a part may have outstanding at the next
}

// windowBytes and results are the other bounds that the parts are given: faasd's defaults.
const (
	windowBytes = 256 << 20
	results     = 4096
)

// perSecond is how many jobs of slow and other the system can do in a second.
func (c *Capacity) perSecond() int {
	return int(time.Duration(c.Workers*c.Slots) * time.Second / service)
}

// layout is the system.
func (c *Capacity) layout() (proc.Layout, error) {
	worker := c.Worker
	if worker == "" {
		self, err := os.Executable()
		if err != nil {
			return proc.Layout{}, fmt.Errorf("find the worker program beside this one: %w", err)
		}
		worker = filepath.Join(filepath.Dir(self), "timed")
	}
	window := []string{"--window-jobs", fmt.Sprint(c.WindowJobs), "--window-bytes", fmt.Sprint(windowBytes)}
	return proc.Layout{
		Coordinators: 2, Brokers: 2, Queues: 3, Workers: c.Workers, Frontends: 2,
		Bins: map[string]string{"worker": worker},
		Args: map[string][]string{
			"frontend": window, "broker": window, "queue": append(window, "--results", fmt.Sprint(results)),
			"worker": {"--slots", fmt.Sprint(c.Slots), "--function", fmt.Sprintf("%s=%s,%s=%s,%s=0s", slow, service, other, service, quick)},
		},
	}, nil
}

// What a job takes at most beside its body, and what a connection of HTTP does,
// in bytes: headers, maps, buffers, stacks.
const (
	perJob        = 4 << 10
	perConnection = 48 << 10
	// ballast is how far Go's heap may grow without any job (internal/node).
	ballast = 32 << 20
)

// bound is how many bytes may be resident of a part that had so many before it
// was sent too much: what its windows let it hold, twice because Go's heap may
// double before garbage is collected. Bodies are of so many bytes at most.
func (c *Capacity) bound(l *proc.Layout, role string, before int64, body int) int64 {
	jobs, each := 0, int64(body+perJob)
	switch role {
	case "frontend":
		jobs, each = l.Brokers*c.WindowJobs, each+perConnection
	case "broker":
		jobs = l.Frontends * c.WindowJobs
	case "queue":
		jobs = l.Brokers*c.WindowJobs + results
	case "worker":
		jobs = c.Slots
	}
	return before + ballast + 2*int64(jobs)*each
}
