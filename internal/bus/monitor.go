package bus

import (
	"fmt"
	"strings"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// refusals are the events by which libzmq tells of a connection that did not
// come to be, because the other side does not speak ZMTP or hung up half way.
const refusals = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH

// closings are the events by which libzmq tells that an endpoint is free again.
const closings = zmq.EVENT_CLOSED | zmq.EVENT_CLOSE_FAILED

// closeWithin bounds the wait for them.
const closeWithin = time.Second

// A monitor hears of the connections that a bound socket refuses, and of those
// that end. libzmq does not tell why one ends: the other side has gone, is
// silent, or has begun a frame beyond the limit.
type monitor struct {
	zmq  *zmq.Socket
	link *link
	fd   int
	id   int32 // in the host's poller
}

// A refusedError reports a connection that a bound socket refused.
type refusedError struct {
	event    zmq.Event
	endpoint string
}

func (e *refusedError) Error() string {
	why := strings.ToLower(strings.TrimPrefix(e.event.String(), "EVENT_HANDSHAKE_FAILED_"))
	return fmt.Sprintf("a connection to %s that does not speak ZeroMQ's protocol (%s)", e.endpoint, why)
}

// watch puts a monitor beside a bound socket.
func (h *Host) watch(s *socket) error {
	h.lastID++
	m := &monitor{link: s.link, id: h.lastID}
	name := fmt.Sprintf("inproc://monitor/%p/%d", h, m.id)
	if err := s.zmq.Monitor(name, refusals|closings|zmq.EVENT_DISCONNECTED); err != nil {
		return fmt.Errorf("watching a %s socket: %w", s.link.Kind, err)
	}
	err := m.open(h.ctx, name)
	if err == nil {
		err = h.poller.add(m.fd, m.id)
	}
	if err != nil {
		if m.zmq != nil {
			_ = m.zmq.Close()
		}
		return fmt.Errorf("watching a %s socket: %w", s.link.Kind, err)
	}
	h.monitors[m.id] = m
	s.monitor = m
	h.hear(m)
	return nil
}

func (m *monitor) open(ctx *Context, name string) (err error) {
	if m.zmq, err = ctx.zmq.NewSocket(zmq.PAIR); err != nil {
		return err
	}
	// libzmq's I/O thread would wait for room.
	if err = m.zmq.SetRcvhwm(0); err != nil {
		return err
	}
	if m.fd, err = m.zmq.GetFd(); err != nil {
		return err
	}
	return m.zmq.Connect(name)
}

// hear counts what a monitor tells, all of it: the rest would not be signalled.
func (h *Host) hear(m *monitor) {
	for {
		event, endpoint, _, err := m.zmq.RecvEvent(zmq.DONTWAIT)
		if err != nil {
			return
		}
		switch {
		case event&refusals != 0:
			h.machine.Malformed(m.link.id, &refusedError{event, endpoint})
		case event == zmq.EVENT_DISCONNECTED:
			m.link.endedConnections.Add(1)
		}
	}
}

// unbind gives up a bound socket's endpoints, and returns when others can bind
// them. libzmq closes listeners in a thread of its own: until then whoever dials
// reaches nobody, and a unix socket's file would be removed from under the feet
// of whoever has bound the path since.
func (h *Host) unbind(s *socket) {
	listening := 0
	for _, endpoint := range s.endpoints {
		if isInproc(endpoint) {
			h.ctx.unbindInproc(s, endpoint)
		} else if s.zmq.Unbind(endpoint) == nil {
			listening++
		}
	}
	if listening == 0 || s.monitor.zmq.SetRcvtimeo(closeWithin) != nil {
		return
	}
	for listening > 0 {
		event, _, _, err := s.monitor.zmq.RecvEvent(0)
		if err != nil {
			return // it will be free later
		}
		if event&closings != 0 {
			listening--
		}
	}
}

func (h *Host) unwatch(m *monitor) {
	h.poller.remove(m.fd)
	_ = m.zmq.Close()
}
