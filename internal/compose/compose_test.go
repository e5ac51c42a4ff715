package compose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faasd/internal/operator"
)

// One system for all, since starting and stopping is what takes time: each
// subtest leaves it whole for the next.
func TestTheComposeFileKeepsTheReportsPromises(t *testing.T) {
	needsEngine(t)
	p := up(t, 0)
	accept(t, p, 4) // it counts from a system in which no worker has been
	t.Run("scaled to nothing and on", func(t *testing.T) {
		scale(t, p, 0)
		accept(t, p, 2)
	})
	scale(t, p, 3)
	t.Run("what containers are given", func(t *testing.T) { confined(t, p) })
	accept(t, p, 1)
	accept(t, p, 3)
	scale(t, p, 3)
	t.Run("workers come and go under load", func(t *testing.T) { scaledUnderLoad(t, p) })
	t.Run("containers are harmed under load", func(t *testing.T) { harmedUnderLoad(t, p) })
	t.Run("all services are replaced under load", func(t *testing.T) { replacedUnderLoad(t, p) })
	t.Run("functions are deployed", func(t *testing.T) { deployed(t, p) })
	t.Run("stopping answers what has been accepted", func(t *testing.T) { stopped(t, p) })
	t.Run("down leaves nothing", func(t *testing.T) {
		if err := p.down(); err != nil {
			t.Fatal(err)
		}
		if left := p.left(t); len(left) > 0 {
			t.Errorf("left are %v", left)
		}
	})
}

// scale sets the number of workers and waits until they are spread evenly.
func scale(t *testing.T, p *project, workers int) {
	t.Helper()
	p.compose(t, "up", "-d", "--no-build", "--scale", fmt.Sprintf("worker=%d", workers))
	spread := []int{workers / 3, (workers + 1) / 3, (workers + 2) / 3}
	view := p.watch(t)
	hasSpread(t, view, spread...)
	eventually(t, soon, func() string {
		for _, w := range view.Picture().Workers {
			if w.State != operator.WorkerUp && w.State != operator.StateLost {
				return w.Name + " is " + w.State
			}
		}
		return ""
	})
}

// confined looks at what the engine says of the containers.
func confined(t *testing.T, p *project) {
	for _, service := range services {
		for _, id := range p.containers(t, service) {
			var all []struct {
				Name   string
				Config struct {
					User        string
					StopTimeout int
				}
				HostConfig struct {
					ReadonlyRootfs bool
					Init           bool
					Privileged     bool
					Memory         int64
					CapDrop        []string
					SecurityOpt    []string
					RestartPolicy  struct{ Name string }
				}
			}
			if err := json.Unmarshal([]byte(mustDocker(t, "inspect", id)), &all); err != nil {
				t.Fatal(err)
			}
			c, h := all[0], all[0].HostConfig
			if c.Config.User != "10001:10001" || h.Privileged || !h.ReadonlyRootfs || !slices.Equal(h.CapDrop, []string{"ALL"}) ||
				!slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
				t.Errorf("%s may too much: %+v", c.Name, c)
			}
			if h.Memory < 64<<20 || h.Memory > 1<<30 {
				t.Errorf("%s may use %d bytes", c.Name, h.Memory)
			}
			if !h.Init || c.Config.StopTimeout <= 8 || h.RestartPolicy.Name != "unless-stopped" {
				t.Errorf("%s is started and stopped otherwise than the file says: %+v", c.Name, c)
			}
			if _, err := docker(within(t), "exec", id, "sh", "-c", "test $(id -u) = 10001 && ! touch /x && touch /tmp/x"); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
}
