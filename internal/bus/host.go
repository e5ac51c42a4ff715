package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"faasd/internal/role"
)

// defaultLinger is how long libzmq goes on sending, in the background, what a
// host had queued when it stopped.
const defaultLinger = 200 * time.Millisecond

// Config is what a Host is made of. Context, Machine and Links are needed.
type Config struct {
	Context *Context
	Machine role.Machine
	Links   map[role.Link]LinkSpec
	Logger  *slog.Logger // nil discards
	Started time.Time    // when the machine's clock reads zero; the zero Time is now

	// Linger bounds how long Context.Close goes on sending what the machine
	// had sent before the host stopped. 0 is 200 ms; negative sends nothing.
	Linger time.Duration

	// Crash is called, in the owner's turn, when the machine asks for
	// role.OpCrash: the host stops after it and sends nothing more. Exit is
	// called for role.OpExit; somebody should then call Close. Either may be nil.
	Crash, Exit func()
}

// A Host drives one machine over its sockets. Bind its links, then call Run.
// Do, Now, Stats and Close may be called from any goroutine at any time.
type Host struct {
	ctx     *Context
	log     *slog.Logger
	linger  time.Duration
	started time.Time
	crash   func()
	exit    func()
	links   []*link // by role.Link; nil where the role has no such link

	inbox   inbox
	asleep  atomic.Bool // the loop waits, or is about to
	crashed atomic.Bool
	done    chan struct{} // closed when the host has stopped

	mu    sync.Mutex // guards begun, and until then what follows
	begun bool       // by Run, or by a Close without Run

	// Owned by the goroutine in Run once it has begun.
	machine  role.Machine
	poller   *poller
	sockets  map[int32]*socket // open ones, by id
	dialled  map[address]*socket
	monitors map[int32]*monitor
	lastID   int32
	ready    []*socket            // may have messages to be received
	reading  []*socket            // ready's other half, see readAll
	dirty    []*socket            // sent to since ZMQ_EVENTS was last read
	lost     []role.Packet        // for ROUTER peers that are gone, to be returned to the machine
	batches  batches              // about to be sent
	arrived  []role.Packet        // of the batch that is being received; empty otherwise
	nextTick role.Time            // no Tick before this
	carried  int                  // packets of this turn
	load     load                 // of the turns lately
	onLoad   func(saturated bool) // is told of its changes; nil: nobody is
	stopping bool
}

type address struct {
	link role.Link
	peer string
}

// NewHost makes a host with no sockets yet. Either Run or Close must be called
// in the end; Context.Close does it for hosts forgotten.
func NewHost(cfg Config) (*Host, error) {
	if cfg.Context == nil || cfg.Machine == nil {
		return nil, errors.New("bus: a host needs a context and a machine")
	}
	h := &Host{
		ctx:      cfg.Context,
		log:      cfg.Logger,
		linger:   cfg.Linger,
		started:  cfg.Started,
		crash:    cfg.Crash,
		exit:     cfg.Exit,
		done:     make(chan struct{}),
		machine:  cfg.Machine,
		sockets:  make(map[int32]*socket),
		dialled:  make(map[address]*socket),
		monitors: make(map[int32]*monitor),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.started.IsZero() {
		h.started = time.Now()
	}
	if h.linger == 0 {
		h.linger = defaultLinger
	}
	for id, spec := range cfg.Links {
		if !spec.Kind.valid() {
			return nil, fmt.Errorf("bus: link %d (%q) has no valid kind", id, spec.Name)
		}
		for int(id) >= len(h.links) {
			h.links = append(h.links, nil)
		}
		h.links[id] = &link{LinkSpec: spec, id: id}
	}
	var err error
	if h.poller, err = newPoller(h.started); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if err := h.ctx.enter(h); err != nil {
		h.poller.close()
		return nil, err
	}
	return h, nil
}

// Now reads the clock that the machine is driven by.
func (h *Host) Now() role.Time { return time.Since(h.started) }

// OnSaturation has fn called, in the owner's turn, whenever turns begin to carry
// so many packets that the host does not keep up (true), and when they carry few
// again (false). It must be called before Run.
func (h *Host) OnSaturation(fn func(saturated bool)) { h.onLoad = fn }

// Do has fn run by the goroutine that owns the machine, which then carries out
// what the machine asks for. It returns true when fn has run or certainly
// will, and false when the host has stopped and fn never runs. It does not
// wait: fn runs in the owner's next turn, together with all others given to Do
// meanwhile, in order. Before Run, functions are kept for it.
//
// fn may call anything of the machine, and Do, but not Close. It should be
// short: everything waits for it.
func (h *Host) Do(fn func(now role.Time)) bool {
	if !h.inbox.push(fn) {
		return false
	}
	// A loop that is awake looks into the inbox before it sleeps. Of many
	// callers only one pays for waking it.
	if h.asleep.Load() && h.asleep.CompareAndSwap(true, false) {
		h.poller.rouse()
	}
	return true
}

// Close stops the host, running or not, and returns when its sockets are
// closed. Closing twice is harmless.
func (h *Host) Close() {
	if h.begin() { // it never ran, and never will
		h.runAll(h.inbox.close())
		h.flush()
		h.end()
	}
	h.stop()
	<-h.done
}

// begin reports whether the caller is the first to want the host's fields, and
// so has become their owner.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun {
		return false
	}
	h.begun = true
	return true
}

// stop asks a running host to end.
func (h *Host) stop() {
	h.Do(func(role.Time) { h.stopping = true })
}

// Crashed reports whether the host has stopped, or is about to, because its
// machine asked for role.OpCrash.
func (h *Host) Crashed() bool { return h.crashed.Load() }

// Stats returns the counters of all links, in the order of their numbers.
func (h *Host) Stats() []LinkStats {
	all := make([]LinkStats, 0, len(h.links))
	for _, l := range h.links {
		if l != nil {
			all = append(all, l.stats())
		}
	}
	return all
}

func (h *Host) link(id role.Link) *link {
	if int(id) >= len(h.links) {
		return nil
	}
	return h.links[id]
}

// warn logs a warning about a link, at most one a minute for each link.
func (h *Host) warn(l *link, msg string, args ...any) {
	suppressed, ok := l.warnings.allow(h.Now())
	if !ok {
		return
	}
	args = append(args, "link", l.Name)
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	h.log.Warn(msg, args...)
}
