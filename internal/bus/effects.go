package bus

import (
	"errors"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/resolve"
	"faasd/internal/role"
)

// carryOut does what one effect asks for. What fails is counted or logged;
// machines find out by what does not come back.
func (h *Host) carryOut(e *role.Effect) {
	if h.crashed.Load() {
		return
	}
	switch e.Op {
	case role.OpCrash:
		h.linger, h.stopping = -1, true
		h.crashed.Store(true)
		if h.crash != nil {
			h.crash()
		}
		return
	case role.OpExit:
		if h.exit != nil {
			h.exit()
		}
		return
	}
	if e.Op != role.OpSend {
		h.sendBatches() // what was asked for before
	}
	l := h.link(e.Link)
	if l == nil {
		h.log.Error("the machine named an unknown link", "link", e.Link, "op", e.Op)
		return
	}
	switch e.Op {
	case role.OpSend:
		h.send(l, e.Packet, e.Batch && l.Batches)
	case role.OpDial:
		if err := h.dial(l, e.Peer, e.Endpoint); err != nil {
			h.warn(l, "dialling failed", "endpoint", e.Endpoint, "error", err)
		}
	case role.OpHangup:
		h.hangup(address{e.Link, e.Peer})
	case role.OpSubscribe, role.OpUnsubscribe:
		if err := h.subscribe(l, e); err != nil {
			h.warn(l, "subscribing failed", "topic", e.Topic, "error", err)
		}
	default:
		h.log.Error("the machine asked for an unknown effect", "link", l.Name, "op", e.Op)
	}
}

// target returns the socket for a packet or a subscription, or nil.
func (h *Host) target(l *link, peer string) *socket {
	if l.bound != nil {
		return l.bound
	}
	return h.dialled[address{l.id, peer}]
}

func (h *Host) send(l *link, p role.Packet, batch bool) {
	s := h.target(l, p.Peer)
	switch {
	case s == nil:
		l.droppedSends.Add(1)
		return
	case !l.Batches:
	case batch && l.Kind.fitsBatch(p):
		if o, full := h.batches.add(s.batch(p), p); full {
			h.sendBatch(o)
		}
		return
	default:
		if o := h.batches.find(s.batch(p)); o != nil {
			h.sendBatch(o) // what was asked for before
		}
	}
	h.sent(s, s.send(p.Peer, p.Frames), size(p.Frames), p)
}

// sendBatches sends what has been collected.
func (h *Host) sendBatches() {
	if len(h.batches.order) == 0 {
		return
	}
	for _, o := range h.batches.order {
		h.sendBatch(o)
	}
	h.batches.end()
}

// sendBatch sends what is in one batch, if anything is.
func (h *Host) sendBatch(o *outgoing) {
	if len(o.packets) == 0 {
		return
	}
	h.sent(o.socket, o.socket.send(o.to, o.message()), o.bytes, o.packets...)
	o.empty()
}

// sent notes what came of sending packets, of so many bytes, in one message.
func (h *Host) sent(s *socket, err error, bytes int, packets ...role.Packet) {
	l, n := s.link, uint64(len(packets))
	h.touched(s)
	if err == nil {
		l.sentMessages.Add(n)
		l.sentBytes.Add(uint64(bytes))
		return
	}
	switch zmq.AsErrno(err) {
	case errUnreachable:
		l.unreachable.Add(n)
		h.lost = append(h.lost, packets...)
	case errAgain:
		l.droppedSends.Add(n)
	default:
		l.droppedSends.Add(n)
		h.warn(l, "sending failed", "error", err)
	}
}

// dial opens the socket of (l, peer), in place of the one that may be open.
func (h *Host) dial(l *link, peer, endpoint string) error {
	if l.bound != nil {
		return errors.New("the link is bound, and a link is either bound or dialled")
	}
	h.hangup(address{l.id, peer})
	if err := checkEndpoint(endpoint); err != nil {
		return err
	}
	s, err := h.open(l, peer, false)
	if err != nil {
		return err
	}
	if host, port, named := resolve.Split(endpoint); named {
		h.dialHost(s, host, port)
	} else if err = s.setFamily(endpoint); err == nil && isInproc(endpoint) {
		err = h.ctx.dialInproc(s, endpoint)
	} else if err == nil {
		err = s.zmq.Connect(endpoint)
	}
	if err != nil {
		h.close(s)
		return explain(endpoint, err)
	}
	s.dialledTo = endpoint
	h.dialled[address{l.id, peer}] = s
	h.touched(s)
	return nil
}

// redial connects what was connected to an earlier life of an inproc endpoint:
// libzmq does so by itself on all other transports.
func (h *Host) redial(endpoint string, life int) {
	for _, s := range h.dialled {
		if s.dialledTo != endpoint || s.life >= life {
			continue
		}
		s.life = life
		if err := s.zmq.Connect(endpoint); err != nil {
			h.warn(s.link, "dialling again failed", "endpoint", endpoint, "error", err)
		}
		h.touched(s)
	}
}

// touched notes that libzmq may have looked into s's mailbox, so that the
// poller can miss what is there.
func (h *Host) touched(s *socket) {
	if !s.dirty && kinds[s.link.Kind].receives {
		s.dirty = true
		h.dirty = append(h.dirty, s)
	}
}

func (h *Host) hangup(a address) {
	if s := h.dialled[a]; s != nil {
		delete(h.dialled, a)
		h.close(s)
	}
}

func (h *Host) subscribe(l *link, e *role.Effect) error {
	s := h.target(l, e.Peer)
	if s == nil {
		return errors.New("not dialled")
	}
	h.touched(s)
	if e.Op == role.OpSubscribe {
		return s.zmq.SetSubscribe(e.Topic)
	}
	return s.zmq.SetUnsubscribe(e.Topic)
}

// open makes a socket and has the poller watch it.
func (h *Host) open(l *link, peer string, bound bool) (*socket, error) {
	s, err := openSocket(h.ctx, l, peer, bound)
	if err != nil {
		return nil, err
	}
	h.lastID++
	s.id = h.lastID
	if err := h.poller.add(s.fd, s.id); err != nil {
		_ = s.zmq.Close()
		return nil, err
	}
	h.sockets[s.id] = s
	return s, nil
}

// close throws a socket away. What is queued in it goes with it, unless a
// linger has been set.
func (h *Host) close(s *socket) {
	s.closed = true
	if s.unfollow != nil {
		s.unfollow()
	}
	delete(h.sockets, s.id)
	h.poller.remove(s.fd)
	_ = s.zmq.Close()
}

// end closes all sockets, and lets what is queued in them be sent for the
// linger.
func (h *Host) end() {
	h.inbox.close()
	for _, s := range h.sockets {
		if s.monitor != nil {
			h.unbind(s)
		}
		if h.linger > 0 {
			_ = s.zmq.SetLinger(h.linger)
		}
		h.close(s)
	}
	for _, m := range h.monitors {
		h.unwatch(m)
	}
	h.poller.close()
	h.ctx.leave(h)
	close(h.done)
}
