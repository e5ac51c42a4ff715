// Package jobtest has one end of a numbered link for benchmarks of the machine at
// the other. It says what that end must hear and does next to nothing else, so that
// what is measured is the machine.
package jobtest

import (
	"encoding/binary"
	"slices"
	"time"

	"faasd/internal/wire"
)

// Where the header has what an End reads and writes; see wire.Header.
const (
	atType       = 3
	atJob        = 8
	atAssignment = 28
	atOriginSeq  = 40
	atOriginOpen = 48
	atSender     = 64
	atReceiver   = 72
	atSeq        = 80
	atAck        = 88
	atSent       = 112
	atEpoch      = 136
	atHeard      = 176
)

// End is one end of a link on which nothing is lost. It keeps nothing and repeats
// nothing. The zero value but for Me is ready.
type End struct {
	Me wire.Incarnation

	peer  wire.Incarnation
	epoch uint32
	last  uint64 // number given out
	got   uint64 // newest number of the machine's
	heard uint64 // when that was sent, ms
}

// About is the job that a message is about, as far as an End writes it.
type About struct {
	Job        wire.JobID
	OriginSeq  uint64
	OriginOpen uint64
	Assignment uint32
}

// Form is a message as it is sent many times over, each time about another job.
type Form struct{ header, body []byte }

// NewForm makes the form of a message. The machine is granted endless credit by it.
func NewForm(m *wire.Message, body []byte) Form {
	m.CreditCount, m.CreditBytes = 1<<40, 1<<60
	m.SetBody(body)
	frames := m.Frames()
	return Form{frames[0], frames[1]}
}

// Hello asks for a link, and shows, once the machine has answered, that the answer
// has come. The body is the member that announces itself.
func (e *End) Hello(now time.Duration, body []byte) [][]byte {
	if e.epoch == 0 {
		e.epoch = 1
	}
	return e.announce(now, wire.TypeHello, body)
}

// Beacon answers the HELLO that Take has seen.
func (e *End) Beacon(now time.Duration) [][]byte { return e.announce(now, wire.TypeBeacon, nil) }

func (e *End) announce(now time.Duration, kind wire.Type, body []byte) [][]byte {
	frames := e.stamp(now, NewForm(&wire.Message{Header: wire.Header{Type: kind}}, body))
	binary.BigEndian.PutUint64(frames[0][atSeq:], e.last)
	return frames
}

// Say makes the next numbered message. Its frames are the machine's; it has two
// allocations, and the body is the form's.
func (e *End) Say(now time.Duration, f Form, a About) [][]byte {
	frames := e.stamp(now, f)
	h := frames[0]
	e.last++
	be := binary.BigEndian
	be.PutUint64(h[atSeq:], e.last)
	copy(h[atJob:], a.Job[:])
	be.PutUint64(h[atOriginSeq:], a.OriginSeq)
	be.PutUint64(h[atOriginOpen:], a.OriginOpen)
	be.PutUint32(h[atAssignment:], a.Assignment)
	return frames
}

// stamp copies a form's header and writes what every message has.
func (e *End) stamp(now time.Duration, f Form) [][]byte {
	h := slices.Clone(f.header)
	be := binary.BigEndian
	be.PutUint64(h[atSender:], uint64(e.Me))
	be.PutUint64(h[atReceiver:], uint64(e.peer))
	be.PutUint64(h[atAck:], e.got)
	be.PutUint64(h[atSent:], uint64(now.Milliseconds()))
	be.PutUint32(h[atEpoch:], e.epoch)
	be.PutUint64(h[atHeard:], e.heard)
	return [][]byte{h, f.body}
}

// Take notes a message of the machine's, whose frames begin with its header, and
// returns its type and what it is about.
func (e *End) Take(frames [][]byte) (wire.Type, About) {
	h := frames[0]
	be := binary.BigEndian
	kind := wire.Type(h[atType])
	e.peer, e.epoch = wire.Incarnation(be.Uint64(h[atSender:])), be.Uint32(h[atEpoch:])
	e.heard = max(e.heard, be.Uint64(h[atSent:]))
	if kind.Numbered() {
		e.got = be.Uint64(h[atSeq:])
	}
	return kind, About{
		Job: wire.JobID(h[atJob : atJob+16]), OriginSeq: be.Uint64(h[atOriginSeq:]), OriginOpen: be.Uint64(h[atOriginOpen:]),
		Assignment: be.Uint32(h[atAssignment:]),
	}
}
