package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A stranger is a ZeroMQ peer written from the protocol alone (ZMTP 3.0, RFC
// 23, mechanism NULL), so that tests can send what no library would.
//
//	greeting  FF 00*8 7F | 3 0 | "NULL" 00*16 | as-server 00 | 00*31
//	frame     flags (1 more, 2 long, 4 command) | length (1 or 8 bytes) | body
//	READY     command: 05 "READY" then properties: length, name, length (4), value
type stranger struct {
	net.Conn
	r  *bufio.Reader
	mu sync.Mutex // for writing: answers to pings come from the reader
}

const (
	frameMore    = 1
	frameLong    = 2
	frameCommand = 4
)

// greeting is the first 64 bytes of either side.
var greeting = []byte("\xff\x00\x00\x00\x00\x00\x00\x00\x00\x7f" + "\x03\x00" + "NULL" + strings.Repeat("\x00", 16+1+31))

// dialZMQ opens a plain connection to a ZeroMQ endpoint.
func dialZMQ(endpoint string) (net.Conn, error) {
	network, address, _ := strings.Cut(endpoint, "://")
	if network == "ipc" {
		network = "unix"
	}
	return net.DialTimeout(network, address, patience)
}

// meet connects to an endpoint as a socket of that type.
func meet(endpoint, socketType string) (*stranger, error) {
	conn, err := dialZMQ(endpoint)
	if err != nil {
		return nil, err
	}
	s := &stranger{Conn: conn, r: bufio.NewReader(conn)}
	if err := s.handshake(socketType); err != nil {
		return nil, errors.Join(fmt.Errorf("greet %s as %s: %w", endpoint, socketType, err), conn.Close())
	}
	return s, nil
}

func (s *stranger) handshake(socketType string) error {
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := s.Write(greeting); err != nil {
		return err
	}
	if _, err := io.ReadFull(s.r, make([]byte, len(greeting))); err != nil {
		return err
	}
	ready := property([]byte("\x05READY"), "Socket-Type", socketType)
	if socketType == "REQ" || socketType == "DEALER" {
		ready = property(ready, "Identity", "")
	}
	if err := s.frame(frameCommand, ready); err != nil {
		return err
	}
	if _, body, err := s.readFrame(); err != nil || !strings.HasPrefix(string(body), "\x05READY") {
		return fmt.Errorf("answer %q: %w", body, err)
	}
	return s.SetDeadline(time.Time{})
}

func property(b []byte, name, value string) []byte {
	b = append(b, byte(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// frame writes one frame.
func (s *stranger) frame(flags byte, body []byte) error {
	_, err := s.write(append(frameHead(flags, uint64(len(body))), body...))
	return err
}

// frameHead is what stands before a frame's body; it may lie about the length.
func frameHead(flags byte, length uint64) []byte {
	if length > 255 {
		return binary.BigEndian.AppendUint64([]byte{flags | frameLong}, length)
	}
	return []byte{flags, byte(length)}
}

func (s *stranger) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Write(b)
}

// send writes one message.
func (s *stranger) send(frames ...[]byte) error {
	var b []byte
	for i, f := range frames {
		flags := byte(frameMore)
		if i == len(frames)-1 {
			flags = 0
		}
		b = append(append(b, frameHead(flags, uint64(len(f)))...), f...)
	}
	_, err := s.write(b)
	return err
}

func (s *stranger) readFrame() (flags byte, body []byte, err error) {
	if flags, err = s.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	length := make([]byte, 1, 8)
	if flags&frameLong != 0 {
		length = length[:8]
	}
	if _, err = io.ReadFull(s.r, length); err != nil {
		return 0, nil, err
	}
	n := uint64(length[0])
	if flags&frameLong != 0 {
		n = binary.BigEndian.Uint64(length)
	}
	if n > 64<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes", n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(s.r, body)
	return flags, body, err
}

// receive reads one message, and answers the pings before it.
func (s *stranger) receive() (frames [][]byte, err error) {
	for {
		flags, body, err := s.readFrame()
		switch {
		case err != nil:
			return nil, err
		case flags&frameCommand != 0:
			if len(body) >= 7 && string(body[:5]) == "\x04PING" { // then a time to live and a context
				if err := s.frame(frameCommand, append([]byte("\x04PONG"), body[7:]...)); err != nil {
					return nil, err
				}
			}
		case flags&frameMore == 0:
			return append(frames, body), nil
		default:
			frames = append(frames, body)
		}
	}
}

// A member is what a role publishes of itself on the coordination bus.
type member struct {
	Role, Name, Incarnation string
	Workers                 int
	Left                    bool
	Malformed               int
	Sequence                uint64
	PID                     int
	Queue                   *struct {
		Waiting, Running int
		Moved, Taken     uint64
	}
	Broker *struct {
		Queues   []string
		Holding  int
		Unrouted int
		Accepted int
	}
	Endpoints map[string]string
}

// A watch is the system as the coordination bus shows it.
type watch struct {
	t    testing.TB
	conn *stranger

	mu    sync.Mutex
	state map[string]member // by role and name: "queue queueA"; guarded by mu
}

// watch follows what the roles publish, until the test ends.
func (s *system) watch() *watch {
	s.t.Helper()
	conn, err := meet(s.coordinator(), "SUB")
	if err != nil {
		s.t.Fatal(err)
	}
	w := &watch{t: s.t, conn: conn, state: make(map[string]member)}
	if err := conn.send([]byte("\x01state/")); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.follow()
	}()
	s.t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return w
}

func (w *watch) follow() {
	for {
		frames, err := w.conn.receive()
		var m member
		if err == nil && len(frames) == 2 {
			err = json.Unmarshal(frames[1], &m)
		}
		if err != nil { // the test's end, or the coordinator's
			return
		}
		key := m.Role + " " + m.Name
		w.mu.Lock()
		w.state[key] = m
		if m.Left {
			delete(w.state, key)
		}
		w.mu.Unlock()
	}
}

// all returns the last state of every member of a role, by name.
func (w *watch) all(role string) map[string]member {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := make(map[string]member)
	for _, m := range w.state {
		if m.Role == role {
			found[m.Name] = m
		}
	}
	return found
}

// awaitQueues waits until every broker has n queues in its ring.
func (w *watch) awaitQueues(n int) {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		brokers := w.all("broker")
		for name, m := range brokers {
			if len(m.Broker.Queues) != n {
				return fmt.Errorf("%s has the queues %v in its ring, want %d", name, m.Broker.Queues, n)
			}
		}
		if len(brokers) == 0 {
			return errors.New("no broker has said anything yet")
		}
		return nil
	})
}

// workers returns how many workers each queue has, by the queue's name.
func (w *watch) workers() tally {
	counts := make(tally)
	for name, m := range w.all("queue") {
		counts[name] = m.Workers
	}
	return counts
}

// awaitWorkers waits until the queues have so many workers, given in the order
// of the queues' names: "queueA 1, queueB 0, queueC 0".
func (w *watch) awaitWorkers(want string) {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		if got := w.workers().String(); got != want {
			return fmt.Errorf("workers are %q, want %q", got, want)
		}
		return nil
	})
}
