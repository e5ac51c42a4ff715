package compose

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"faasd/internal/chaos"
	"faasd/internal/operator"
)

// A stack is docker-compose.yml with the overlay, deployed to a swarm of this
// one node.
type stack struct {
	name string
	port string
}

// joinSwarm makes this engine a swarm of its own for the time of the test, if it
// is in none.
func joinSwarm(t *testing.T) {
	t.Helper()
	switch state := mustDocker(t, "info", "-f", "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}"); {
	case strings.HasPrefix(state, "inactive"):
		if _, err := docker(within(t), "swarm", "init", "--advertise-addr", "127.0.0.1"); err != nil {
			t.Skipf("skipped: this engine cannot be a swarm: %v", err)
		}
		t.Cleanup(func() { mustDocker(t, "swarm", "leave", "--force") })
	case state != "active true":
		t.Skipf("skipped: this engine is part of a swarm that others manage: %s", state)
	}
}

// deployStack deploys, and has it removed at the end.
func deployStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{name: fmt.Sprintf("faasd-test-%d", os.Getpid()), port: freePort(t)}
	t.Cleanup(func() {
		if t.Failed() {
			s.quote(t)
		}
		mustDocker(t, "stack", "rm", s.name)
		// The engine removes the containers after it has answered, and keeps volumes.
		gone := func() string {
			return mustDocker(t, "ps", "-aq", "--filter", "label=com.docker.stack.namespace="+s.name) +
				mustDocker(t, "network", "ls", "-q", "--filter", "label=com.docker.stack.namespace="+s.name)
		}
		for over := time.Now().Add(soon); gone() != "" && time.Now().Before(over); {
			<-time.After(100 * time.Millisecond)
		}
		for _, volume := range strings.Fields(mustDocker(t, "volume", "ls", "-q", "--filter", "label=com.docker.stack.namespace="+s.name)) {
			mustDocker(t, "volume", "rm", volume)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	env := []string{"FAASD_PORT=" + s.port, "FAASD_HEALTH_INTERVAL=1s"}
	if _, err := command(ctx, env, nil, "docker", "stack", "deploy", "--resolve-image", "never",
		"-c", "docker-compose.yml", "-c", "deploy/swarm/docker-compose.yml", s.name); err != nil {
		t.Fatal(err)
	}
	return s
}

// tasks are the containers of a service that run and are well.
func (s *stack) tasks(ctx context.Context, service string) ([]string, error) {
	out, err := docker(ctx, "ps", "-q", "--no-trunc", "--filter", "health=healthy", "--filter", "label=com.docker.swarm.service.name="+s.name+"_"+service)
	return strings.Fields(out), err
}

// addresses are where the tasks of a service are reached from this machine: by the
// network through which tasks reach others. What is published may need IPVS,
// which not every kernel has.
func (s *stack) addresses(ctx context.Context, service, port string) (found []string, err error) {
	tasks, err := s.tasks(ctx, service)
	if err != nil {
		return nil, err
	}
	out, err := docker(ctx, "network", "inspect", "docker_gwbridge", "-f", "{{range $id, $c := .Containers}}{{$id}} {{$c.IPv4Address}}\n{{end}}")
	for line := range strings.Lines(out) {
		if id, address, ok := strings.Cut(strings.TrimSpace(line), " "); ok && slices.Contains(tasks, id) {
			ip, _, _ := strings.Cut(address, "/")
			found = append(found, net.JoinHostPort(ip, port))
		}
	}
	return found, err
}

// balance looks who serves clients again and again until the test ends, as a load
// balancer does.
func (s *stack) balance(t *testing.T) (frontends func() []string) {
	t.Helper()
	var now atomic.Pointer[[]string]
	look := func() {
		if found, err := s.addresses(t.Context(), "front", "3000"); err == nil {
			now.Store(&found)
		}
	}
	now.Store(new([]string))
	look()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() { <-done })
	return func() []string { return *now.Load() }
}

// picture is what the whole system says of itself now, by whichever coordinator.
func (s *stack) picture(t *testing.T) (operator.Picture, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	found, err := s.addresses(ctx, "coord-broker", "5555")
	if err != nil || len(found) == 0 {
		return operator.Picture{}, fmt.Errorf("no coordinator: %v", err)
	}
	for i := range found {
		found[i] = "tcp://" + found[i]
	}
	view, err := operator.Open(found)
	if err != nil {
		return operator.Picture{}, err
	}
	defer view.Close()
	return view.Await(ctx)
}

// A shape is how many of each role there are to be; of queues there are three.
type shape struct{ fronts, brokers, coordinators, workers int }

// becomes waits until the system has a shape, and each part has found all that it
// should: every broker every queue, every frontend every broker.
func (s *stack) becomes(t *testing.T, want shape) {
	t.Helper()
	eventually(t, 2*startWithin, func() string {
		p, err := s.picture(t)
		if err != nil {
			return err.Error()
		}
		ok := func(parts []operator.Part) (n int) {
			for _, part := range parts {
				if part.State == operator.StateOK {
					n++
				}
			}
			return n
		}
		found := shape{ok(p.Frontends), ok(p.Brokers), ok(p.Coordinators), p.Totals.Workers}
		if found != want {
			return fmt.Sprintf("there are %+v, want %+v", found, want)
		}
		for _, b := range p.Brokers {
			if b.State == operator.StateOK && len(b.Broker.Queues) != 3 {
				return fmt.Sprintf("%s gives jobs to %v, want all three queues", b.Name, b.Broker.Queues)
			}
		}
		queues := 0
		for _, q := range p.Queues {
			if q.State == operator.StateOK {
				queues++
			}
		}
		if queues != 3 && want.workers >= 3 {
			return fmt.Sprintf("%d queues have workers, want 3", queues)
		}
		return ""
	})
}

// quote shows the end of each service's log.
func (s *stack) quote(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	out, err := docker(ctx, "stack", "ps", "--no-trunc", s.name)
	t.Logf("tasks:\n%s", errorOr(out, err))
	for _, service := range services {
		log, err := docker(ctx, "service", "logs", "--tail", "20", s.name+"_"+service)
		t.Logf("the end of the log of %s:\n%s", service, errorOr(log, err))
	}
}

func (s *stack) scale(t *testing.T, service string, to int) {
	t.Helper()
	mustDocker(t, "service", "scale", "--detach", fmt.Sprintf("%s_%s=%d", s.name, service, to))
}

func TestASwarmRunsTheStackAndReplacesItsTasks(t *testing.T) {
	needsEngine(t)
	joinSwarm(t)
	s := deployStack(t)
	s.becomes(t, shape{fronts: 2, brokers: 2, coordinators: 2, workers: 3})
	frontends := s.balance(t)
	t.Run("the published port", func(t *testing.T) { s.published(t) })
	t.Run("scaled under load", func(t *testing.T) {
		underLoad(t, frontends, func(load *chaos.Steady) {
			load.During("3 workers, 2 brokers and frontends, to 9 and 3")
			s.scale(t, "worker", 9)
			s.scale(t, "broker", 3)
			s.scale(t, "front", 3)
			s.becomes(t, shape{fronts: 3, brokers: 3, coordinators: 2, workers: 9})
			load.During("9 workers, 3 brokers and frontends, to 2 and 2")
			s.scale(t, "worker", 2)
			s.scale(t, "broker", 2)
			s.scale(t, "front", 2)
			s.becomes(t, shape{fronts: 2, brokers: 2, coordinators: 2, workers: 2})
			load.During("2 workers to 3")
			s.scale(t, "worker", 3)
			s.becomes(t, shape{fronts: 2, brokers: 2, coordinators: 2, workers: 3})
		})
	})
	t.Run("a task of each service is killed under load", func(t *testing.T) {
		underLoad(t, frontends, func(load *chaos.Steady) {
			for _, service := range []string{"worker", "queueB", "broker", "coord-broker", "front"} {
				load.During("kill of a task of " + service)
				tasks, err := s.tasks(t.Context(), service)
				if err != nil || len(tasks) == 0 {
					t.Fatalf("no task of %s runs: %v", service, err)
				}
				mustDocker(t, "kill", tasks[0])
				s.becomes(t, shape{fronts: 2, brokers: 2, coordinators: 2, workers: 3})
			}
		})
	})
	t.Run("every service is updated under load", func(t *testing.T) {
		underLoad(t, frontends, func(load *chaos.Steady) {
			for _, service := range services {
				load.During("update of " + service)
				mustDocker(t, "service", "update", "--force", "--update-delay", "0s", "--quiet", s.name+"_"+service)
				s.becomes(t, shape{fronts: 2, brokers: 2, coordinators: 2, workers: 3})
			}
		})
	})
}

// published asks by the port that every node of a swarm answers at, if this
// kernel can do that.
func (s *stack) published(t *testing.T) {
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		t.Skip("skipped: this kernel has no IPVS, which a swarm's published ports need")
	}
	eventually(t, soon, func() string {
		resp, err := http.Post("http://127.0.0.1:"+s.port+"/echo", "text/plain", strings.NewReader("here"))
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return resp.Status
		}
		return ""
	})
}
