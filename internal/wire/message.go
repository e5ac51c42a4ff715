// Package wire is the language of faasd's processes: frames, the header,
// message types and codes. It encodes and decodes and does nothing else.
// docs/PROTOCOL.md is its description for people.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// Errors of the decoders, wrapped with what was expected and what was found.
var (
	// ErrMalformed: the bytes are not a message of this protocol.
	ErrMalformed = errors.New("malformed message")
	// ErrVersion: the bytes are a message of another protocol version.
	ErrVersion = errors.New("unsupported protocol version")
	// ErrChecksum: the body is not the one that was sent.
	ErrChecksum = errors.New("body checksum mismatch")
)

// Type says what a message is for.
type Type uint8

// The message types. Numbered messages carry a link sequence of their own and
// are repeated until acknowledged; the others are not.
const (
	TypeHello   Type = 1 // initiator's announcement, at least once a second
	TypeBeacon  Type = 2 // acceptor's answer and heartbeat
	TypeGaps    Type = 3 // "these numbers did not arrive": link sequences in the body
	TypeGoodbye Type = 4 // "this link is over": leaving, or unknown to me

	TypeJob     Type = 16 // numbered: run this; frontend → broker → queue → worker
	TypeResult  Type = 17 // numbered: the job's outcome; worker → queue → broker → frontend
	TypeCancel  Type = 18 // numbered: nobody waits for this job any more
	TypeMove    Type = 19 // numbered: queue → broker: give this job to another queue
	TypeMoved   Type = 20 // numbered: broker → queue: done, forget the job
	TypeRefused Type = 21 // numbered: broker → queue: not possible, keep the job
	TypeReturn  Type = 22 // numbered: worker → queue: this job is not here any more, and has no result
	TypeVoid    Type = 23 // numbered: takes the place of a message that has lost its purpose
	TypeKill    Type = 24 // numbered: queue → worker: end at once, as by SIGKILL
	TypeDrain   Type = 25 // numbered: queue → worker: finish what you have, then leave and end
	TypeUndrain Type = 26 // numbered: queue → worker: stay
	TypeAttempt Type = 27 // numbered: queue → broker → frontend: how often this job's run was started
	TypeAsk     Type = 28 // numbered: broker → queue: is this job with you?
	TypeHave    Type = 29 // numbered: queue → broker: it is, or with another code it is not

	TypeCatalogue Type = 30 // numbered: queue → worker: what is deployed; a Catalogue
	TypeServes    Type = 31 // numbered: worker → queue: what it serves of that; a Serves
	TypeLogs      Type = 32 // numbered: queue → worker: what has a function printed? a LogsWanted
	TypeLines     Type = 33 // numbered: worker → queue: this; LogLines
)

var typeNames = map[Type]string{
	TypeHello: "HELLO", TypeBeacon: "BEACON", TypeGaps: "GAPS", TypeGoodbye: "GOODBYE",
	TypeJob: "JOB", TypeResult: "RESULT", TypeCancel: "CANCEL", TypeMove: "MOVE",
	TypeMoved: "MOVED", TypeRefused: "REFUSED", TypeReturn: "RETURN", TypeVoid: "VOID",
	TypeKill: "KILL", TypeDrain: "DRAIN", TypeUndrain: "UNDRAIN",
	TypeAttempt: "ATTEMPT",
	TypeAsk:     "ASK", TypeHave: "HAVE",
	TypeCatalogue: "CATALOGUE", TypeServes: "SERVES", TypeLogs: "LOGS", TypeLines: "LINES",
}

// String gives the name used in docs/PROTOCOL.md.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", uint8(t))
}

func (t Type) known() bool {
	return t >= TypeHello && t <= TypeGoodbye || t >= TypeJob && t <= TypeLines
}

// Numbered reports whether messages of this type carry a link sequence.
func (t Type) Numbered() bool { return t >= TypeJob }

// Code says how a job ended, or why a link did. The cause, for people, goes
// apart from it in Meta's Reason.
type Code uint16

// The codes.
const (
	CodeOK             Code = 0
	CodeFunctionError  Code = 1  // the function itself reported an error; the body is its own
	CodeWorkersLost    Code = 2  // the attempt limit was reached: each run's worker was lost
	CodeFunctionFailed Code = 3  // the function could not be run or crashed
	CodeExpired        Code = 4  // the job's time ran out
	CodeLeaving        Code = 5  // GOODBYE: the sender stops
	CodeUnknownLink    Code = 6  // GOODBYE: the sender does not know this link; begin a new one
	CodeNoQueue        Code = 7  // REFUSED: no other queue can take the job
	CodeCorrupt        Code = 8  // the body did not arrive as it was sent
	CodeNoJob          Code = 9  // of a HAVE: the job is not here
	CodeUnusable       Code = 10 // GOODBYE: the HELLO cannot be used, for the reason given; it will be no better here
	CodeTimedOut       Code = 11 // the function's own timeout ended the run
)

var results = map[Code]string{
	CodeOK: "ok", CodeFunctionError: "function-error", CodeWorkersLost: "workers-lost", CodeFunctionFailed: "function-failed",
	CodeExpired: "expired", CodeLeaving: "stopping", CodeCorrupt: "corrupt", CodeTimedOut: "timed-out",
}

// ResultOf names the code by which a job ended, for metrics: "ok",
// "function-error", …; "unknown" of a code that no job ends with.
func ResultOf(code int) string {
	if name, ok := results[Code(code)]; ok {
		return name
	}
	return "unknown"
}

// Message is one message between native roles.
type Message struct {
	Header
	Meta Meta
	Body []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SetBody makes body the message's body and fills in length and checksum.
func (m *Message) SetBody(body []byte) {
	m.Body = body
	m.BodyLength = uint32(len(body))
	m.BodyChecksum = crc32.Checksum(body, castagnoli)
}

// OwnBody takes the message's body out of memory that it shares with others, so that
// keeping it does not keep them.
func (m *Message) OwnBody() { m.Body = bytes.Clone(m.Body) }

// CheckBody compares the body with its checksum. The two ends of a job's way
// do so; hops in between only compare the length.
func (m *Message) CheckBody() error {
	if sum := crc32.Checksum(m.Body, castagnoli); sum != m.BodyChecksum {
		return fmt.Errorf("%w: job %s: %08x, want %08x", ErrChecksum, m.Job, sum, m.BodyChecksum)
	}
	return nil
}

// Size is what the message counts against credit in bytes: its body, what a
// job's result is expected to have, which goes the same way back, and a flat
// charge for the rest so that many small jobs are bounded too.
func (m *Message) Size() uint64 { return uint64(len(m.Body)) + uint64(m.ResultRoom) + overhead }

const overhead = 256

// Frames encodes the message as two frames: header and meta, then the body,
// which is not copied.
func (m *Message) Frames() [][]byte {
	m.BodyLength = uint32(len(m.Body))
	if n := HeaderSize + m.Meta.size(); n > len(framed{}.head) {
		return [][]byte{m.Meta.append(m.append(make([]byte, 0, n))), m.Body}
	}
	f := &framed{}
	f.frames = [2][]byte{m.Meta.append(m.append(f.head[:0])), m.Body}
	return f.frames[:]
}

// framed is the frames of a message whose meta is as small as it mostly is.
type framed struct {
	frames [2][]byte
	head   [HeaderSize + 80]byte
}

// Decode reads the frames that Frames wrote. The message keeps the frames.
func Decode(frames [][]byte) (*Message, error) {
	if len(frames) != 2 {
		return nil, fmt.Errorf("%w: %d frames, want header and body", ErrMalformed, len(frames))
	}
	m := &Message{Body: frames[1]}
	meta, err := m.decode(frames[0])
	if err != nil {
		return nil, err
	}
	if err := m.Meta.decode(meta); err != nil {
		return nil, err
	}
	if m.Type == TypeHello && len(m.Body) > MaxHello {
		return nil, fmt.Errorf("%w: HELLO of %d bytes, want at most %d", ErrMalformed, len(m.Body), MaxHello)
	}
	if int(m.BodyLength) != len(m.Body) {
		return nil, fmt.Errorf("%w: body of %d bytes, header says %d", ErrMalformed, len(m.Body), m.BodyLength)
	}
	return m, nil
}
