package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"faasd/internal/config"
	"faasd/internal/resolve"
	"faasd/internal/resolve/resolvetest"
)

// A fleet is a cluster whose brokers are all called brokers.test, and its
// coordinators coordinators.test, each at an address of its own.
type fleet struct {
	t     *testing.T
	dns   *resolvetest.Server
	by    *resolve.Resolver
	ports map[string]string // by role and link: the same at all addresses
	url   string

	answered atomic.Int64
}

func newFleet(t *testing.T) *fleet {
	dns := resolvetest.NewServer(t)
	return &fleet{t: t, dns: dns, by: dns.Resolver(), ports: make(map[string]string)}
}

// start starts a role and waits until its sockets are bound.
func (f *fleet) start(s starter) (*running, config.Ready) {
	f.t.Helper()
	return startProcess(f.t, s, Process{Log: quiet, Resolver: f.by})
}

// at is where a link of a role is bound at an address.
func (f *fleet) at(addr, role, link string) string {
	return "tcp://" + net.JoinHostPort(addr, f.port(role, link))
}

// port is a link's port, 0 before the first of a role has got one.
func (f *fleet) port(role, link string) string {
	if p := f.ports[role+" "+link]; p != "" {
		return p
	}
	return "0"
}

func (f *fleet) remember(rd config.Ready) {
	for link, endpoint := range rd.Links {
		if _, port, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "tcp://")); err == nil && link != "metrics" {
			f.ports[rd.Role+" "+link] = port
		}
	}
}

func (f *fleet) coordinator(addr string) (*running, config.Ready) {
	r, rd := f.start(Coordinator{
		Identity: advertised(addr), Publish: []string{f.at(addr, "coordinator", "publish")}, Subscribe: []string{f.at(addr, "coordinator", "subscribe")},
	})
	f.remember(rd)
	return r, rd
}

// advertised is an address under which what is bound to addr is reached.
func advertised(addr string) Identity {
	if unbound := netip.MustParseAddr(addr).IsUnspecified(); unbound {
		addr = "127.0.0.1"
	}
	return Identity{Advertise: addr}
}

func (f *fleet) broker(addr string) (*running, config.Ready) {
	r, rd := f.start(Broker{
		Identity: advertised(addr), Limits: limits, Frontends: f.at(addr, "broker", "frontends"), Workers: f.at(addr, "broker", "workers"),
		Jobs: f.at(addr, "broker", "jobs"), Responses: f.at(addr, "broker", "responses"), Coordinators: f.named("coordinator", "subscribe"),
	})
	f.remember(rd)
	return r, rd
}

// named is a link of all parts of a role.
func (f *fleet) named(role, link string) []string {
	return []string{"tcp://" + role + "s.test:" + f.port(role, link)}
}

// others starts the rest, which knows names alone.
func (f *fleet) others() {
	f.t.Helper()
	for _, name := range []string{"queueA", "queueB"} {
		f.start(Queue{
			Identity: Identity{Name: name}, Limits: limits, Results: Window{100, 1 << 20}, Workers: anyPort,
			Brokers: f.named("broker", "responses"), BrokerJobs: f.named("broker", "jobs"), Coordinators: f.named("coordinator", "subscribe"),
		})
		f.start(Worker{
			Identity: Identity{Name: "at-" + name}, Functions: functions, Slots: 4, MaxBody: 1 << 20, Brokers: f.named("broker", "workers"),
		})
	}
	listening := make(chan string, 1)
	start(f.t, func(ctx context.Context) error {
		return RunFrontend(ctx, Frontend{
			Limits: limits, Requests: Requests{Timeout: patience, MaxWait: patience, Attempts: config.ByFunction{All: 3}}, HTTP: "127.0.0.1:0", Replies: anyPort,
			Brokers: f.named("broker", "frontends"), Coordinators: f.named("coordinator", "subscribe"),
		}, Process{Grace: patience, Log: quiet, Resolver: f.by, Announce: func(config.Ready) {}}, func(url string) { listening <- url })
	})
	f.url = from(f.t, listening, "the frontend listens")
}

// load sends requests until it is stopped, each of which must be answered.
func (f *fleet) load() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for client := range 4 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				body := fmt.Sprint(client, "/", i)
				r, err := http.Post(f.url+"/echo", "text/x", strings.NewReader(body))
				if err != nil {
					f.t.Errorf("request %s: %v", body, err)
					return
				}
				got, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err != nil || r.StatusCode != http.StatusOK || string(got) != body {
					f.t.Errorf("request %s: status %d, %q, %v", body, r.StatusCode, got, err)
					return
				}
				f.answered.Add(1)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	f.t.Cleanup(stop)
	return stop
}

// more waits until so many more requests have been answered.
func (f *fleet) more(n int64, what string) {
	f.t.Helper()
	until := f.answered.Load() + n
	within(f.t, what, func() bool { return f.answered.Load() >= until || f.t.Failed() })
}

// metric reads a number of a part that has one such.
func metric(t *testing.T, rd config.Ready, name string) int {
	t.Helper()
	_, text := getText(t, rd.Links["metrics"]+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + `\{[^}]*\} (\d+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%s is not in\n%s", name, text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// takes waits until a broker has been given so many jobs more.
func (f *fleet) takes(rd config.Ready, n int) {
	f.t.Helper()
	const accepted = "faasd_broker_accepted_jobs_total"
	until := metric(f.t, rd, accepted) + n
	within(f.t, rd.Name+" is given jobs", func() bool { return metric(f.t, rd, accepted) >= until || f.t.Failed() })
}

func TestPartsBehindOneNameAreAllUsedAndFollowedAsTheyComeAndGo(t *testing.T) {
	f := newFleet(t)
	f.dns.Set("coordinators.test", "127.0.0.2", "127.0.0.3")
	f.dns.Set("brokers.test", "127.0.0.2", "127.0.0.3")
	c2, _ := f.coordinator("127.0.0.2")
	f.coordinator("127.0.0.3")
	b2, two := f.broker("127.0.0.2")
	_, three := f.broker("127.0.0.3")
	f.others()
	stop := f.load()
	f.takes(two, 20)
	f.takes(three, 20)

	// One broker and one coordinator come, one each goes: DNS tells of both at once.
	_, four := f.broker("127.0.0.4")
	_, c4 := f.coordinator("127.0.0.4")
	f.dns.Set("brokers.test", "127.0.0.3", "127.0.0.4")
	f.dns.Set("coordinators.test", "127.0.0.3", "127.0.0.4")
	f.takes(four, 20)
	f.takes(two, 20) // which lives, and is not cut off for what DNS says
	b2.end()
	c2.end()
	f.takes(three, 20)
	f.takes(four, 20)
	within(t, "all are known to the new coordinator", func() bool {
		return metric(t, c4, "faasd_coordinator_members") >= 5
	})

	// DNS fails, then says that there is nobody, then nothing at all.
	for _, c := range []struct {
		what  string
		spoil func()
	}{
		{"DNS fails", func() { f.dns.Refuse(true) }},
		{"DNS knows no addresses", func() { f.dns.Refuse(false); f.dns.Set("brokers.test"); f.dns.Set("coordinators.test") }},
		{"DNS does not know the names", func() { f.dns.Remove("brokers.test"); f.dns.Remove("coordinators.test") }},
		{"DNS is gone", f.dns.Stop},
	} {
		asked := f.dns.Asked("brokers.test")
		c.spoil()
		if c.what != "DNS is gone" {
			within(t, c.what+": it is asked", func() bool { return f.dns.Asked("brokers.test") >= asked+20 })
		}
		f.takes(three, 10)
		f.takes(four, 10)
		f.more(20, c.what)
	}
	stop()
}

func TestOneNameMayHaveAddressesOfBothKinds(t *testing.T) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skipf("skipped: no IPv6 here: %v", err)
	} else {
		_ = l.Close()
	}
	f := newFleet(t)
	f.dns.Set("coordinators.test", "::1")
	f.dns.Set("brokers.test", "::1", "127.0.0.2")
	f.coordinator("::1")
	_, six := f.broker("::1")
	_, four := f.broker("127.0.0.2")
	f.others()
	stop := f.load()
	f.takes(six, 20)
	f.takes(four, 20)
	stop()
}

// A broker that listens on all addresses is one broker, under however many.
func TestAPartAtTwoAddressesIsOne(t *testing.T) {
	f := newFleet(t)
	f.dns.Set("coordinators.test", "127.0.0.2", "127.0.0.3")
	f.dns.Set("brokers.test", "127.0.0.2", "127.0.0.3")
	_, c := f.coordinator("0.0.0.0")
	_, b := f.broker("0.0.0.0")
	f.others()
	stop := f.load()
	f.more(50, "requests are answered")
	within(t, "both queues are known", func() bool { return metric(t, b, "faasd_broker_queues") == 2 })
	within(t, "all are known", func() bool { return metric(t, c, "faasd_coordinator_members") == 4 })
	f.dns.Set("brokers.test", "127.0.0.3", "127.0.0.4", "127.0.0.5")
	asked := f.dns.Asked("brokers.test")
	within(t, "the change is known", func() bool { return f.dns.Asked("brokers.test") >= asked+20 })
	f.more(50, "requests are answered")
	if n := metric(t, b, "faasd_broker_queues"); n != 2 {
		t.Errorf("%d queues", n)
	}
	stop()
}

func TestAPartWhoseNameNobodyKnowsSaysSo(t *testing.T) {
	f := newFleet(t)
	var log syncBuffer
	f.dns.Set("coordinators.test", "127.0.0.1")
	f.coordinator("127.0.0.1")
	_, broker := startProcess(t, Broker{
		Limits: limits, Frontends: anyPort, Workers: anyPort, Jobs: anyPort, Responses: anyPort, Coordinators: f.named("coordinator", "subscribe"),
	}, Process{Log: slog.New(slog.NewTextHandler(&log, nil)), Resolver: f.by})
	f.remember(broker)
	f.dns.Set("brokers.test", "127.0.0.1")
	start(t, func(ctx context.Context) error {
		return RunFrontend(ctx, Frontend{
			Identity: Identity{Advertise: "nobody.test"},
			Limits:   limits, Requests: Requests{Timeout: patience, MaxWait: patience, Attempts: config.ByFunction{All: 3}}, HTTP: "127.0.0.1:0", Replies: anyPort,
			Brokers: f.named("broker", "frontends"), Coordinators: f.named("coordinator", "subscribe"),
		}, Process{Grace: patience, Log: quiet, Resolver: f.by, Announce: func(config.Ready) {}}, func(string) {})
	})
	within(t, "the broker says who cannot be reached", func() bool {
		return strings.Contains(log.String(), "--advertise") && strings.Contains(log.String(), "nobody.test")
	})
}

// A part that is bound to all addresses tells others the machine's name.
func TestAMachineThatDoesNotKnowItsOwnNameSaysSo(t *testing.T) {
	f := newFleet(t)
	var log syncBuffer
	startProcess(t, Coordinator{Publish: []string{"tcp://*:0"}, Subscribe: []string{"tcp://*:0"}}, Process{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Resolver: f.by,
	})
	within(t, "it says so", func() bool { return strings.Contains(log.String(), "give --advertise") })
}

// A syncBuffer takes what is logged while somebody reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
