package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faasd/internal/operator"
)

// services are those of docker-compose.yml, in the order in which they are stopped.
var services = []string{"front", "broker", "queueA", "queueB", "queueC", "worker", "coord-broker"}

// A project is docker-compose.yml, up.
type project struct {
	name string
	port string // on which front is published
	host string // an address of this machine that leads there; see frontends
}

// up starts the project with so many workers, and has it removed at the end.
func up(t *testing.T, workers int) *project {
	t.Helper()
	p := &project{name: fmt.Sprintf("faasd-test-%d", os.Getpid()), port: freePort(t)}
	t.Cleanup(func() {
		if t.Failed() {
			p.quote(t)
		}
		if err := p.down(); err != nil {
			t.Error(err)
		}
	})
	p.compose(t, "up", "-d", "--no-build", "--scale", "worker="+strconv.Itoa(workers))
	p.host = mustDocker(t, "network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", p.network())
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (p *project) network() string { return p.name + "_default" }

// run runs docker-compose, or the engine's plugin where that is not there.
func (p *project) run(ctx context.Context, stdin []byte, args ...string) (string, error) {
	env := []string{"COMPOSE_PROJECT_NAME=" + p.name, "FAASD_PORT=" + p.port}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		return command(ctx, env, stdin, "docker", append([]string{"compose"}, args...)...)
	}
	return command(ctx, env, stdin, "docker-compose", args...)
}

func (p *project) compose(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*startWithin)
	defer cancel()
	out, err := p.run(ctx, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// down removes all of the project, its volumes too.
func (p *project) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*startWithin)
	defer cancel()
	_, err := p.run(ctx, nil, "down", "-v")
	return err
}

// left is what the engine still has of the project.
func (p *project) left(t *testing.T) (what []string) {
	t.Helper()
	for _, kind := range []string{"container", "network", "volume"} {
		args := []string{kind, "ls", "-q", "--filter", "label=com.docker.compose.project=" + p.name}
		if kind == "container" {
			args = append(args, "-a")
		}
		for _, id := range strings.Fields(mustDocker(t, args...)) {
			what = append(what, kind+" "+id)
		}
	}
	return what
}

// containers are those of a service that run.
func (p *project) containers(t *testing.T, service string) []string {
	t.Helper()
	return strings.Fields(mustDocker(t, "ps", "-q", "--filter", "label=com.docker.compose.project="+p.name,
		"--filter", "label=com.docker.compose.service="+service))
}

// container is the first of a service's.
func (p *project) container(t *testing.T, service string) string {
	t.Helper()
	all := p.containers(t, service)
	if len(all) == 0 {
		t.Fatalf("no container of %s runs", service)
	}
	return all[0]
}

// frontends are where clients are served. It is not the loopback address: there
// the engine's own proxy takes every connection, also those that front would
// refuse.
func (p *project) frontends() []string { return []string{net.JoinHostPort(p.host, p.port)} }

// coordinators are where the bus can be watched from this machine.
func (p *project) coordinators(t *testing.T) (endpoints []string) {
	t.Helper()
	for _, id := range p.containers(t, "coord-broker") {
		ip := mustDocker(t, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id)
		endpoints = append(endpoints, "tcp://"+net.JoinHostPort(ip, "5555"))
	}
	return endpoints
}

// watch opens the picture of the whole system for the time of a test.
func (p *project) watch(t *testing.T) *operator.Operator {
	t.Helper()
	view, err := operator.Open(p.coordinators(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = view.Close() })
	if _, err := view.Await(within(t)); err != nil {
		t.Fatal(err)
	}
	return view
}

// hasSpread waits until the queues have so many workers each, in any order.
func hasSpread(t *testing.T, view *operator.Operator, want ...int) {
	t.Helper()
	eventually(t, soon, func() string {
		var found []int
		for _, q := range view.Picture().Queues {
			if q.State != operator.StateLost {
				found = append(found, q.Workers)
			}
		}
		slices.Sort(found)
		if !slices.Equal(found, want) {
			return fmt.Sprintf("the queues have %v workers, want %v", found, want)
		}
		return ""
	})
}

// quote shows the end of each service's log of a test that has failed.
func (p *project) quote(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for _, service := range services {
		log, err := p.run(ctx, nil, "logs", "--no-color", "--tail", "40", service)
		t.Logf("the end of the log of %s:\n%s", service, errorOr(log, err))
	}
}

func errorOr(text string, err error) string {
	if err != nil {
		return errors.Join(errors.New(text), err).Error()
	}
	return text
}
