package bus

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// patience is how long a test waits for a condition that should hold at once.
// It is reached only by a test that fails.
const patience = 20 * time.Second

const never = role.Time(math.MaxInt64)

// A puppet is a machine whose decisions are functions. All fields belong to
// the host's owner once the host runs: tests reach them through Do.
type puppet struct {
	onReceive     func(now role.Time, p role.Packet)
	onUnreachable func(p role.Packet)
	onTick        func(now role.Time)
	malformed     []string
	exceeded      []role.Packet
	wake          role.Time
	batch         bool // what is sent may travel in batches
	effects       []role.Effect
	done          []role.Effect
}

func newPuppet() *puppet { return &puppet{wake: never} }

func (m *puppet) Receive(now role.Time, p role.Packet) {
	if m.onReceive != nil {
		m.onReceive(now, p)
	}
}

func (m *puppet) Unreachable(_ role.Time, p role.Packet) {
	if m.onUnreachable != nil {
		m.onUnreachable(p)
	}
}

func (m *puppet) Malformed(link role.Link, err error) {
	m.malformed = append(m.malformed, fmt.Sprintf("%d: %v", link, err))
}

func (m *puppet) Exceeded(_ role.Time, p role.Packet, _ *role.Excess) {
	m.exceeded = append(m.exceeded, p)
}

func (m *puppet) Tick(now role.Time) {
	m.wake = never
	if m.onTick != nil {
		m.onTick(now)
	}
}

func (m *puppet) Wake() role.Time { return m.wake }

func (m *puppet) Effects() []role.Effect {
	effects := m.effects
	m.effects, m.done = m.done[:0], effects
	return effects
}

func (m *puppet) ask(e role.Effect) { m.effects = append(m.effects, e) }

func (m *puppet) send(link role.Link, peer string, frames ...[]byte) {
	m.ask(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: link, Peer: peer, Frames: frames}, Batch: m.batch})
}

func (m *puppet) dial(link role.Link, peer, endpoint string) {
	m.ask(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: link, Peer: peer}, Endpoint: endpoint})
}

func (m *puppet) hangup(link role.Link, peer string) {
	m.ask(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: link, Peer: peer}})
}

func (m *puppet) subscribe(link role.Link, peer, topic string) {
	m.ask(role.Effect{Op: role.OpSubscribe, Packet: role.Packet{Link: link, Peer: peer}, Topic: topic})
}

// The links of test hosts, named by what they are for.
const (
	linkIn role.Link = iota
	linkOut
	linkAux
)

// A rig is one running host with a puppet.
type rig struct {
	*Host
	m      *puppet
	t      testing.TB
	cancel context.CancelFunc
	ended  chan error
}

func newContext(t testing.TB) *Context {
	t.Helper()
	ctx, err := NewContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ctx.Close(); err != nil {
			t.Error(err)
		}
	})
	return ctx
}

// newRig makes a host without running it, so that it can be bound first.
func newRig(t testing.TB, ctx *Context, links map[role.Link]LinkSpec) *rig {
	t.Helper()
	m := newPuppet()
	for id, spec := range links {
		if spec.Name == "" {
			spec.Name = spec.Kind.String()
			links[id] = spec
		}
	}
	h, err := NewHost(Config{Context: ctx, Machine: m, Links: links})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Host: h, m: m, t: t, ended: make(chan error, 1)}
}

// start runs the host until the test ends or stop is called.
func (r *rig) start() *rig {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx) }()
	r.t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Error(err)
		}
	case <-time.After(patience):
		r.t.Fatal("Run does not return")
	}
}

func (r *rig) bind(link role.Link, endpoint string) string {
	r.t.Helper()
	bound, err := r.Bind(link, endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Replace(bound, "0.0.0.0", "127.0.0.1", 1)
}

// do runs fn in the owner's turn, and waits until what came of it has been
// carried out.
func (r *rig) do(fn func()) {
	r.t.Helper()
	for _, fn := range []func(){fn, func() {}} { // the second has a later turn
		ran := make(chan struct{})
		if !r.Do(func(role.Time) { fn(); close(ran) }) {
			r.t.Fatal("Do refused a function although the host runs")
		}
		await(r.t, ran, "Do's function to run")
	}
}

// await waits for one value of c.
func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// until calls probe in the owner's turn, again and again, until it has held.
// It is for what libzmq brings about by itself, such as a connection.
func (r *rig) until(what string, probe func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for held := false; !held; runtime.Gosched() {
		r.do(func() { held = probe() })
		if !held && time.Now().After(deadline) {
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// connected reports whether libzmq accepts packets for a dialled peer.
func (r *rig) connected(link role.Link, peer string) func() bool {
	return func() bool {
		events, err := r.dialled[address{link, peer}].zmq.GetEvents()
		return err == nil && events&zmq.POLLOUT != 0
	}
}

// endpoints gives an unused endpoint to bind for each transport.
func endpoints(t testing.TB) map[string]string {
	return map[string]string{
		"inproc": "inproc://" + strings.ReplaceAll(t.Name(), "/", "-"),
		"ipc":    "ipc://" + filepath.Join(shortDir(t), "s"),
		"tcp":    "tcp://127.0.0.1:*",
	}
}

// shortDir is a folder whose path leaves room for a unix socket's name, which
// t.TempDir's may not.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// rebind binds an endpoint that was bound until a moment ago: libzmq gives it
// up some time after its socket has been closed.
func (r *rig) rebind(link role.Link, endpoint string) string {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		bound, err := r.Bind(link, endpoint)
		if err == nil {
			return bound
		}
		if time.Now().After(deadline) {
			r.t.Fatal(err)
		}
		runtime.Gosched()
	}
}
