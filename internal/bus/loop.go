package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

const (
	// readBatch bounds what is received from one socket before the machine's
	// effects are carried out and the next socket has its turn.
	readBatch = 64

	// tickFloor is the least time between two Ticks: a machine that always
	// wants the next one at once must not keep a core busy.
	tickFloor = time.Millisecond

	// lostRounds bounds how often in a row packets are returned to the machine,
	// in case it answers by sending to the same peers again.
	lostRounds = 4
)

// Run drives the machine until ctx ends or Close is called, then closes all
// sockets and returns nil. What Do accepted has run by then. It can be called
// once.
func (h *Host) Run(ctx context.Context) error {
	if !h.begin() {
		return errors.New("bus: the host has already run or is closed")
	}
	// Deferred, so that a panic of the machine's gets past a Context.Close
	// that is deferred further out.
	defer h.end()
	defer context.AfterFunc(ctx, h.stop)()

	err := h.loop()
	h.runAll(h.inbox.close())
	h.flush()
	return err
}

func (h *Host) loop() error {
	for {
		h.markReady()
		busy := h.turn()
		if h.stopping {
			return nil
		}
		if busy {
			h.poller.poll()
			continue
		}
		h.poller.arm(h.Now(), max(h.machine.Wake(), h.nextTick))
		h.asleep.Store(true)
		// Who pushes after this look finds the loop asleep and rouses it.
		if h.inbox.waiting.Load() {
			h.poller.poll()
		} else if err := h.poller.wait(); err != nil {
			return fmt.Errorf("bus: %w", err)
		}
		h.asleep.Store(false)
	}
}

// turn does what there is to do, a bounded amount of it, and reports whether
// some is left.
func (h *Host) turn() (busy bool) {
	h.readAll()
	h.runAll(h.inbox.take())
	now := h.Now()
	if now >= h.nextTick && now >= h.machine.Wake() {
		h.machine.Tick(now)
		h.nextTick = now + tickFloor
		h.perform()
	}
	h.flush()
	if h.load.turned(now, h.carried) && h.onLoad != nil {
		h.onLoad(h.load.saturated)
	}
	h.carried = 0
	return h.settle()
}

// runAll runs functions that were given to Do.
func (h *Host) runAll(fns []func(role.Time)) {
	if len(fns) == 0 {
		return
	}
	now := h.Now()
	for i, fn := range fns {
		fn(now)
		fns[i] = nil
	}
	h.perform()
}

// markReady notes the sockets that the poller found. One that has been closed
// meanwhile is skipped.
func (h *Host) markReady() {
	for id := range h.poller.takeReady {
		if s := h.sockets[id]; s != nil {
			h.setReady(s)
		} else if m := h.monitors[id]; m != nil {
			h.hear(m)
		}
	}
}

func (h *Host) setReady(s *socket) {
	if !s.ready {
		s.ready = true
		h.ready = append(h.ready, s)
	}
}

// readAll receives one batch from every ready socket and carries out what
// comes of it.
func (h *Host) readAll() {
	h.ready, h.reading = h.reading[:0], h.ready
	for i, s := range h.reading {
		h.reading[i] = nil
		s.ready = false
		if s.closed {
			continue
		}
		if h.read(s) {
			h.setReady(s)
		}
		h.perform()
	}
}

// read receives one batch from a socket and reports whether there may be more.
func (h *Host) read(s *socket) (more bool) {
	limit := readBatch
	if k := s.link.Kind; k == Push || k == Req {
		// PUSH never receives, and REQ once per request. At other times they
		// would refuse without looking into the mailbox, and be ready for ever.
		if !s.readable() || k == Push {
			return false
		}
		limit = 1
	}
	now := h.Now()
	var beyond *role.Excess
	for n := 0; n < limit; {
		p, err := s.receive()
		switch {
		case err == nil:
			k := h.deliver(now, s.link, p)
			n += k
			h.carried += k
		case zmq.AsErrno(err) == errAgain:
			return false
		case errors.As(err, &beyond):
			n++
			h.machine.Malformed(s.link.id, err)
			if b, ok := h.machine.(role.Bounded); ok {
				b.Exceeded(now, p, beyond)
			}
		default:
			h.warn(s.link, "receiving failed", "error", err)
			return s.readable()
		}
	}
	return true
}

// deliver gives the machine a message, or what is in it if it is a batch, and
// returns how many packets that was, at least 1.
func (h *Host) deliver(now role.Time, l *link, p role.Packet) int {
	batch := l.batchIn(p.Frames)
	if batch == nil {
		l.received(p)
		h.machine.Receive(now, p)
		return 1
	}
	var err error
	if h.arrived, err = l.split(p, batch, h.arrived[:0]); err != nil {
		clear(h.arrived) // nothing in it is used
		h.machine.Malformed(l.id, err)
		return 1
	}
	for i, p := range h.arrived {
		h.arrived[i] = role.Packet{}
		l.received(p)
		h.machine.Receive(now, p)
	}
	return len(h.arrived)
}

// perform carries out what the machine asks for, but for what waits in batches
// for the end of the turn.
func (h *Host) perform() {
	effects := h.machine.Effects()
	for i := range effects {
		h.carryOut(&effects[i])
	}
}

// flush sends the turn's batches, and returns to the machine the packets whose
// peers turned out to be gone, which may make it ask for more.
func (h *Host) flush() {
	for round := 0; ; round++ {
		h.sendBatches()
		if len(h.lost) == 0 || round == lostRounds {
			return // those still lost are for the next turn
		}
		h.returnLost()
		h.perform()
	}
}

func (h *Host) returnLost() {
	now := h.Now()
	for i, p := range h.lost {
		h.lost[i] = role.Packet{}
		h.machine.Unreachable(now, p)
	}
	h.lost = h.lost[:0]
}

// settle reads ZMQ_EVENTS of every socket that was sent to, and reports
// whether there is more to do before anyone may sleep.
func (h *Host) settle() (busy bool) {
	for i, s := range h.dirty {
		h.dirty[i] = nil
		s.dirty = false
		if !s.closed && !s.ready && s.readable() {
			h.setReady(s)
		}
	}
	h.dirty = h.dirty[:0]
	return len(h.ready) > 0 || len(h.lost) > 0
}
