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
	queue := []string{"--results", fmt.Sprint(results)}
	frontend := []string{"--max-wait", maxWait.String()}
	return proc.Layout{
		Coordinators: 2, Brokers: 2, Queues: 3, Workers: c.Workers, Frontends: 2,
		Bins: map[string]string{"worker": worker},
		Args: map[string][]string{
			"frontend": append(frontend, window...), "broker": window, "queue": append(queue, window...),
			"worker": {"--slots", fmt.Sprint(c.Slots), "--function", fmt.Sprintf("%s=%s,%s=%s,%s=0s", slow, service, other, service, quick)},
		},
	}, nil
}
