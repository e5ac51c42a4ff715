package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

const anyPort = "tcp://127.0.0.1:0"

// A cluster is a number of roles linked over tcp.
type cluster struct {
	t           *testing.T
	coordinator config.Ready
	broker      config.Ready
	url         string
}

// startRole starts a role and waits until its sockets are bound.
func startRole(t *testing.T, s starter) (*running, config.Ready) {
	t.Helper()
	ready := make(chan config.Ready, 1)
	r := start(t, func(ctx context.Context) error {
		return Run(ctx, s, Process{Grace: patience, Metrics: "127.0.0.1:0", Log: quiet, Announce: func(rd config.Ready) { ready <- rd }})
	})
	select {
	case rd := <-ready:
		return r, rd
	case err := <-r.ended:
		r.ended <- nil
		t.Fatalf("it ended at once: %v", err)
	}
	return nil, config.Ready{}
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	_, c.coordinator = startRole(t, Coordinator{Publish: []string{anyPort}, Subscribe: []string{anyPort}})
	_, c.broker = startRole(t, Broker{
		Limits: limits, Frontends: anyPort, Workers: anyPort, Jobs: anyPort, Responses: anyPort, Coordinators: c.coordinators(),
	})
	return c
}

func (c *cluster) coordinators() []string { return []string{c.coordinator.Links["subscribe"]} }

func (c *cluster) queue(name string) (*running, config.Ready) {
	return startRole(c.t, Queue{
		Identity: Identity{Name: name}, Limits: limits, Results: Window{100, 1 << 20}, Workers: anyPort,
		Brokers: []string{c.broker.Links["responses"]}, BrokerJobs: []string{c.broker.Links["jobs"]}, Coordinators: c.coordinators(),
	})
}

func (c *cluster) worker(name string) *running {
	r, _ := startRole(c.t, Worker{
		Identity: Identity{Name: name}, Functions: functions, Slots: 2, MaxBody: 1 << 20,
		Brokers: []string{c.broker.Links["workers"]},
	})
	return r
}

// frontend starts a frontend and waits until it serves clients.
func (c *cluster) frontend() *running {
	c.t.Helper()
	listening := make(chan string, 1)
	r := start(c.t, func(ctx context.Context) error {
		return RunFrontend(ctx, Frontend{
			Limits: limits, Requests: Requests{Timeout: patience, MaxWait: patience, Attempts: config.ByFunction{All: 3}}, HTTP: "127.0.0.1:0", Replies: anyPort,
			Brokers: []string{c.broker.Links["frontends"]}, Coordinators: c.coordinators(),
		}, Process{Grace: patience, Log: quiet, Announce: func(config.Ready) {}}, func(url string) { listening <- url })
	})
	c.url = from(c.t, listening, "the frontend listens")
	return r
}

func TestRolesOfTheirOwnAnswerTogether(t *testing.T) {
	c := newCluster(t)
	c.queue("queueA")
	c.queue("queueB")
	w := c.worker("w1")
	f := c.frontend()
	for i := range 10 {
		if got := echo(t, c.url, fmt.Sprint("body ", i)).Get("X-Faasd-Worker"); got != "w1" {
			t.Errorf("answered by %q", got)
		}
	}
	w.end()
	c.worker("w2")
	if got := echo(t, c.url, "x").Get("X-Faasd-Worker"); got != "w2" {
		t.Errorf("answered by %q", got)
	}
	f.end()
	c.frontend()
	echo(t, c.url, "through another frontend")
}

func TestAQueueThatStopsGivesWayToAnother(t *testing.T) {
	c := newCluster(t)
	first, _ := c.queue("queueA")
	c.worker("w1")
	c.frontend()
	if got := echo(t, c.url, "x").Get("X-Faasd-Queue"); got != "queueA" {
		t.Errorf("answered through %q", got)
	}
	second, _ := c.queue("queueB")
	first.end()
	if got := echo(t, c.url, "y").Get("X-Faasd-Queue"); got != "queueB" {
		t.Errorf("answered through %q", got)
	}
	second.end()
}

func TestARoleSaysWhereItIsBound(t *testing.T) {
	c := newCluster(t)
	_, q := c.queue("queueZ")
	if q.Role != "queue" || q.Name != "queueZ" || strings.HasSuffix(q.Links["workers"], ":0") || !strings.HasPrefix(q.Links["workers"], "tcp://127.0.0.1:") {
		t.Errorf("a queue says %v", q)
	}
	for _, link := range []string{"frontends", "workers", "jobs", "responses"} {
		if ep := c.broker.Links[link]; !strings.HasPrefix(ep, "tcp://127.0.0.1:") || strings.HasSuffix(ep, ":0") {
			t.Errorf("the broker's %s are at %q", link, ep)
		}
	}
	if c.broker.Name == "" {
		t.Error("a broker without a name has not made one up")
	}
}

func TestAnEndpointThatIsTakenIsOneClearError(t *testing.T) {
	c := newCluster(t)
	taken := c.broker.Links["jobs"]
	err := Run(context.Background(), Broker{
		Limits: limits, Frontends: anyPort, Workers: anyPort, Jobs: taken, Responses: anyPort,
	}, Process{Grace: patience, Log: quiet, Announce: func(config.Ready) { t.Error("it says that it is ready") }})
	if err == nil || !strings.Contains(err.Error(), taken) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line that names %s", err, taken)
	}
}

func TestBrokerEndpointsOfAQueueBelongTogether(t *testing.T) {
	err := Run(context.Background(), Queue{
		Identity: Identity{Name: "queueA"}, Limits: limits, Workers: anyPort, Brokers: []string{anyPort, anyPort}, BrokerJobs: []string{anyPort},
	}, Process{Grace: patience, Log: quiet, Announce: func(config.Ready) { t.Error("it says that it is ready") }})
	if err == nil || !strings.Contains(err.Error(), "queueA") {
		t.Errorf("%v", err)
	}
}

func TestAWorkerThatNoQueueWouldTakeDoesNotStart(t *testing.T) {
	many := make(map[string]function.Function)
	for n := range wire.MaxFunctions + 1 {
		many[fmt.Sprint("f", n)] = function.Echo{}
	}
	for want, w := range map[string]Worker{
		"worker w has 9 functions, and queues take workers with 8 at most": {Functions: many, Slots: 1},
		`function name "metrics"`: {Functions: map[string]function.Function{"metrics": function.Echo{}}, Slots: 1},
		"with 0 slots":            {Functions: functions},
	} {
		w.Name, w.Brokers = "w", []string{"inproc://nobody"}
		err := Run(t.Context(), w, Process{Grace: patience, Log: quiet, Announce: func(config.Ready) { t.Errorf("it starts; want %s", want) }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it ends with %v, want %s", err, want)
		}
	}
}

// A stranger is a worker of another make, with more functions than a queue takes.
type stranger struct {
	broker string
	log    io.Writer
}

func (s stranger) start(ctx *bus.Context, _ *slog.Logger) (*Part, error) {
	id, log := Identity{Name: "stranger"}, slog.New(slog.NewTextHandler(s.log, nil))
	id.Role = wire.RoleWorker
	self := id.member()
	self.Slots = 1
	for n := range wire.MaxFunctions + 1 {
		self.Functions = append(self.Functions, fmt.Sprint("f", n))
	}
	r := worker.NewRunner(worker.New(worker.Config{Self: self, Brokers: []string{s.broker}, MaxBody: 1, Log: log}), nil)
	p, err := newPart(ctx, id, r, worker.Links(), time.Now(), log)
	if err == nil {
		r.Attach(p.host.Now, p.host.Do)
	}
	return p, err
}

func TestAWorkerThatAQueueCannotUseLogsWhy(t *testing.T) {
	c := newCluster(t)
	c.queue("queueA")
	r, w := io.Pipe()
	startRole(t, stranger{c.broker.Links["workers"], w})
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "the queue cannot use this worker") {
			break
		}
	}
	if text := lines.Text(); !strings.Contains(text, "9 functions") || !strings.Contains(text, "queue=queueA") {
		t.Errorf("it logs %q", text)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
}
