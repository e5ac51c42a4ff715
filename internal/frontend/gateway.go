package frontend

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// ErrStopped: the frontend has stopped.
var ErrStopped = errors.New("the frontend has stopped")

// Gateway is how HTTP handlers, many at a time, reach the one machine.
type Gateway struct {
	machine *Machine
	do      func(func(now role.Time)) bool
	ended   <-chan struct{}
	waiters sync.Pool // of *waiter
}

// NewGateway makes the gateway of a machine; do runs a function in its owner's
// turn, ended is closed when the owner has stopped.
func NewGateway(m *Machine, do func(func(now role.Time)) bool, ended <-chan struct{}) *Gateway {
	return &Gateway{machine: m, do: do, ended: ended, waiters: sync.Pool{New: newWaiter}}
}

// Refused is what a client is told of a request that was not accepted; with
// Why Accepted it was.
type Refused struct {
	Why        Refusal
	RetryAfter time.Duration // if Full: when it is worth trying again, in whole seconds
}

// A waiter is a request whose client waits. It is used again for another once
// it has been told what came of it.
type waiter struct {
	gateway *Gateway
	request Request
	number  uint64 // only touched in the owner's turn
	answer  Answer
	refused Refused
	told    chan struct{} // of answer or refused, of which there is one

	submit func(now role.Time) // w.submits and w.answers
	take   func(Answer)
}

func newWaiter() any {
	w := &waiter{told: make(chan struct{}, 1)}
	w.submit, w.take = w.submits, w.answers
	return w
}

func (w *waiter) submits(now role.Time) {
	var why Refusal
	if w.number, why = w.gateway.machine.Submit(now, w.request, w.take); why != Accepted {
		w.refused = w.gateway.machine.refusal(now, why, w.request.Function)
		w.told <- struct{}{}
	}
}

func (w *waiter) answers(a Answer) {
	w.answer = a
	w.told <- struct{}{}
}

// outcome is what the waiter has been told. It is nobody's any more.
func (w *waiter) outcome() (Answer, Refused, error) {
	a, refused := w.answer, w.refused
	w.request, w.number, w.answer, w.refused = Request{}, 0, Answer{}, Refused{}
	w.gateway.waiters.Put(w)
	return a, refused, nil
}

// refusal completes a refusal.
func (m *Machine) refusal(now role.Time, why Refusal, function string) Refused {
	r := Refused{Why: why}
	if why == Full {
		r.RetryAfter = m.retryAfter(now, function)
	}
	return r
}

// Call submits a request and waits for its answer. When ctx ends first the job
// is cancelled and ctx's error returned.
func (g *Gateway) Call(ctx context.Context, q Request) (Answer, Refused, error) {
	w := g.waiters.Get().(*waiter)
	w.gateway, w.request = g, q
	if !g.do(w.submit) {
		return Answer{}, Refused{Why: Stopping}, nil
	}
	select {
	case <-w.told:
		return w.outcome()
	case <-g.ended:
		select {
		case <-w.told: // among the last things that were done
			return w.outcome()
		default:
			return Answer{}, Refused{Why: Stopping}, nil
		}
	case <-ctx.Done():
		g.do(func(now role.Time) { g.machine.Cancel(now, w.number) })
		return Answer{}, Refused{}, ctx.Err()
	}
}

// Refusal says how a request that has yet to be read would be refused now. It
// spares reading a large body in vain.
func (g *Gateway) Refusal(ctx context.Context, q Request) (Refused, error) {
	return ask(ctx, g, func(now role.Time) Refused {
		m := g.machine
		why := m.admit(now, &q)
		if why == Accepted && m.ring.Len() == 0 && !m.renews(now, q.Function, 0) {
			why = NoBroker
		}
		return m.refusal(now, why, q.Function)
	})
}

// Full is a refusal for want of room for a function's requests at the caller.
func (g *Gateway) Full(ctx context.Context, function string) (Refused, error) {
	return ask(ctx, g, func(now role.Time) Refused { return g.machine.refusal(now, Full, function) })
}

// Ready reports whether a broker takes requests.
func (g *Gateway) Ready(ctx context.Context) (bool, error) {
	return ask(ctx, g, func(role.Time) bool { return g.machine.Ready() && !g.machine.draining })
}

// Serving reports whether a request could be run at once: a broker takes
// requests and some queue has a free slot.
func (g *Gateway) Serving(ctx context.Context) (bool, error) {
	return ask(ctx, g, func(now role.Time) (serving bool) {
		for _, f := range g.machine.bus.View.Functions(now) {
			serving = serving || f.Free > 0 && g.machine.Ready()
		}
		return serving
	})
}

// Informed reports whether this frontend knows all functions that there are: it
// does not for a moment when it has begun.
func (g *Gateway) Informed(ctx context.Context) (bool, error) {
	return ask(ctx, g, g.machine.informed)
}

// FunctionInfo is what clients can know of a function.
type FunctionInfo struct {
	Name    string `json:"name"`
	BuiltIn bool   `json:"built_in"`
	Workers int    `json:"workers"`
	Waiting int    `json:"waiting"`
	Running int    `json:"running"`

	Kind    string        `json:"kind,omitempty"`       // of a deployed one, see function.KindLambda
	Version uint32        `json:"version,omitempty"`    // of a deployed one, from 1
	Timeout time.Duration `json:"timeout_ns,omitempty"` // its own; 0: it has none
}

// Latest is the qualifier of a function's current version, as "" is.
const Latest = "$LATEST"

// Resolve finds the version of a function that a caller means by a qualifier:
// Latest, or the number of one that was deployed. Of what there is to know it
// tells what a call depends on: kind, version and timeout. Functions that are
// built in or announced by a worker have only one version, which has no number.
// Where there is no such function or version, why is UnknownFunction, NotUp or
// Uninformed.
func (g *Gateway) Resolve(ctx context.Context, function, qualifier string) (info FunctionInfo, why Refusal, err error) {
	info = FunctionInfo{Name: function, BuiltIn: g.machine.builtIn[function]} // set once, by New
	only := qualifier == "" || qualifier == Latest
	if all := g.machine.shared.Load(); all != nil && (*all)[function] != nil {
		switch d := (*all)[function]; {
		case info.resolve(d, qualifier):
		case only && neverUp(d):
			why = NotUp
		default:
			why = UnknownFunction
		}
		return info, why, nil
	}
	if info.BuiltIn && only {
		return info, Accepted, nil
	}
	why, err = ask(ctx, g, func(now role.Time) (why Refusal) {
		if !only || !g.machine.knows(now, function) {
			why = g.machine.unknown(now, function)
		}
		return why
	})
	return info, why, err
}

// resolve fills in what is known of a deployed function's version; false if it
// takes no requests.
func (info *FunctionInfo) resolve(f *wire.Deployed, qualifier string) bool {
	number := f.Current
	if qualifier != "" && qualifier != Latest {
		n, err := strconv.ParseUint(qualifier, 10, 32)
		if err != nil {
			return false
		}
		number = uint32(n)
	}
	v := f.Version(number)
	if f.Removed || v == nil || v.State != wire.VersionReady {
		return false
	}
	info.Kind, info.Version, info.Timeout = v.Kind, number, time.Duration(v.TimeoutMillis)*time.Millisecond
	return true
}

// Functions lists the functions that can be called, by name.
func (g *Gateway) Functions(ctx context.Context) ([]FunctionInfo, error) {
	return ask(ctx, g, g.machine.functions)
}

// ask runs fn in the owner's turn and waits for what it returns. When ctx ends
// first, fn may still run.
func ask[T any](ctx context.Context, g *Gateway, fn func(now role.Time) T) (answer T, err error) {
	said := make(chan T, 1)
	if !g.do(func(now role.Time) { said <- fn(now) }) {
		return answer, ErrStopped
	}
	select {
	case answer = <-said:
		return answer, nil
	case <-g.ended:
		return answer, ErrStopped
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

func (m *Machine) functions(now role.Time) []FunctionInfo {
	known := make(map[string]*FunctionInfo)
	get := func(name string) *FunctionInfo {
		if known[name] == nil {
			known[name] = &FunctionInfo{Name: name, BuiltIn: m.builtIn[name]}
		}
		return known[name]
	}
	for name := range m.builtIn {
		get(name)
	}
	for name, s := range m.bus.View.Functions(now) {
		f := get(name)
		f.Workers, f.Waiting, f.Running = s.Workers, s.Waiting, s.Running
	}
	for name, d := range m.deployed {
		if !get(name).resolve(d, Latest) { // it was removed, though workers may still have it
			delete(known, name)
		}
	}
	list := make([]FunctionInfo, 0, len(known))
	for _, f := range known {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b FunctionInfo) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}
