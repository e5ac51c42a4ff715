package wire

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/oklog/ulid/v2"
)

// JobID names a job from the moment its frontend takes it. It is a ULID, for
// people who read logs; no decision orders or expires jobs by it.
type JobID = ulid.ULID

// ParseJobID reads a job id as it is printed: 26 letters and digits.
func ParseJobID(s string) (JobID, error) {
	id, err := ulid.ParseStrict(s)
	if err != nil {
		return id, fmt.Errorf("%w: job id %.40q, want 26 letters and digits", ErrMalformed, s)
	}
	return id, nil
}

// Incarnation is a random number that a process draws when it starts. It tells
// a restarted role from the one that had its name before. 0 means unknown.
type Incarnation uint64

// NewIncarnation draws one at random, never 0.
func NewIncarnation() Incarnation {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		if i := Incarnation(binary.BigEndian.Uint64(b[:])); i != 0 {
			return i
		}
	}
}

// String gives the form used in topics, logs and on screens: 16 hex digits.
func (i Incarnation) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return hex.EncodeToString(b[:])
}

// ParseIncarnation reads what String wrote.
func ParseIncarnation(s string) (Incarnation, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, fmt.Errorf("%w: incarnation %.40q, want 16 hex digits", ErrMalformed, s)
	}
	return Incarnation(v), nil
}

// MarshalText writes the form of String, so that JSON carries it whole.
func (i Incarnation) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the form of String.
func (i *Incarnation) UnmarshalText(b []byte) (err error) {
	*i, err = ParseIncarnation(string(b))
	return err
}

// Version is the protocol version that this code writes and the only one that
// it reads. A longer header of the same version is read as far as it is known.
const Version = 2

// HeaderSize is the length in bytes of the header that this code writes, and
// the least that it accepts.
const HeaderSize = 192

var magic = [2]byte{'f', 'd'}

// Flags of a message.
const (
	// FlagResent marks a job that its sender has handed to somebody before, by
	// another link: it may have been run.
	FlagResent uint16 = 1 << iota
	// FlagDraining in a HELLO or BEACON says: finish what you gave me, give me no more.
	FlagDraining
	// FlagAlone marks a job that a worker was lost with: it must run while its
	// worker runs nothing else, so that no other job is blamed or hurt.
	FlagAlone
	// FlagLog marks a job whose RESULT is to tell the end of what it has printed.
	FlagLog
)

// Header is the fixed binary part of every message between native roles.
// All integers are big-endian. docs/PROTOCOL.md draws it with an example dump.
//
//	 0  magic "fd"        2  version      3  type
//	 4  flags             6  header length
//	 8  job id (16)
//	24  attempt          25  attempt limit 26  moves   27  priority
//	28  assignment
//	32  origin incarnation            40  origin sequence
//	48  origin oldest open            56  owner incarnation
//	64  sender incarnation            72  receiver incarnation
//	80  link sequence                 88  link acknowledgement
//	96  credit count                 104  credit bytes
//	112 sent ms                      120  time to live ms   124 body length
//	128 body checksum                132  function version
//	136 link epoch                   140  code              142 reserved
//	144 trace id (16)                160  span id (8)
//	168 trace flags, reserved (3)    172 ran µs      176 heard ms     184 result room
//	188 waited ms
type Header struct {
	Type  Type
	Flags uint16

	Job          JobID
	Attempt      uint8  // runs started so far, this one included once it runs
	AttemptLimit uint8  // runs that may be started at most; raised by those that do not count
	Moves        uint8  // times the job changed queues by handover
	Priority     uint8  // reserved; 0
	Assignment   uint32 // the owning broker's fence: the next of one counter each time it gives any job to a queue

	Origin     Incarnation // the frontend that took the job
	OriginSeq  uint64      // its number there, from 1
	OriginOpen uint64      // the origin's oldest number still open; all below is forgotten
	Owner      Incarnation // the broker that answers for the job

	Sender   Incarnation
	Receiver Incarnation // 0: not known yet

	// The link's own fields are described in internal/job, link.go.
	LinkSeq     uint64
	LinkAck     uint64
	CreditCount uint64 // jobs that the receiver of this message may have sent since the link began
	CreditBytes uint64 // their bytes, likewise
	LinkEpoch   uint32 // which link of this pair of incarnations

	SentMillis      uint64 // the sender's monotonic clock, ms
	TTLMillis       uint32 // time the job has left, ms, as of SentMillis
	BodyLength      uint32
	BodyChecksum    uint32 // CRC-32C of the body
	FunctionVersion uint32 // 0: whichever is newest
	Code            Code   // of a RESULT, GOODBYE or REFUSED

	TraceID    [16]byte
	SpanID     [8]byte
	TraceFlags uint8

	RanMicros   uint32 // of a worker's RESULT: how long the function ran, at least 1; 0: not known
	HeardMillis uint64 // the newest SentMillis of the receiver's that has come on this link; 0: none yet
	ResultRoom  uint32 // of a JOB: bytes that its result is expected to have
	Waited      uint32 // of a JOB: ms since it was first given to a broker
}

// append encodes h behind b.
func (h *Header) append(b []byte) []byte {
	be := binary.BigEndian
	b = append(b, magic[0], magic[1], Version, byte(h.Type))
	b = be.AppendUint16(b, h.Flags)
	b = be.AppendUint16(b, HeaderSize)
	b = append(b, h.Job[:]...)
	b = append(b, h.Attempt, h.AttemptLimit, h.Moves, h.Priority)
	b = be.AppendUint32(b, h.Assignment)
	b = be.AppendUint64(b, uint64(h.Origin))
	b = be.AppendUint64(b, h.OriginSeq)
	b = be.AppendUint64(b, h.OriginOpen)
	b = be.AppendUint64(b, uint64(h.Owner))
	b = be.AppendUint64(b, uint64(h.Sender))
	b = be.AppendUint64(b, uint64(h.Receiver))
	b = be.AppendUint64(b, h.LinkSeq)
	b = be.AppendUint64(b, h.LinkAck)
	b = be.AppendUint64(b, h.CreditCount)
	b = be.AppendUint64(b, h.CreditBytes)
	b = be.AppendUint64(b, h.SentMillis)
	b = be.AppendUint32(b, h.TTLMillis)
	b = be.AppendUint32(b, h.BodyLength)
	b = be.AppendUint32(b, h.BodyChecksum)
	b = be.AppendUint32(b, h.FunctionVersion)
	b = be.AppendUint32(b, h.LinkEpoch)
	b = be.AppendUint16(b, uint16(h.Code))
	b = append(b, 0, 0)
	b = append(b, h.TraceID[:]...)
	b = append(b, h.SpanID[:]...)
	b = append(b, h.TraceFlags, 0, 0, 0)
	b = be.AppendUint32(b, h.RanMicros)
	b = be.AppendUint64(b, h.HeardMillis)
	b = be.AppendUint32(b, h.ResultRoom)
	return be.AppendUint32(b, h.Waited)
}

// decode reads h from the front of b and returns what stands behind it. A
// longer header of this version is read as far as it is known.
func (h *Header) decode(b []byte) (rest []byte, err error) {
	if len(b) < 3 || b[0] != magic[0] || b[1] != magic[1] {
		return nil, fmt.Errorf("%w: header of %d bytes begins with %#02x, want %q", ErrMalformed, len(b), b[:min(len(b), 2)], magic[:])
	}
	if b[2] != Version {
		return nil, fmt.Errorf("%w: protocol version %d, want %d: the two sides run different releases", ErrVersion, b[2], Version)
	}
	if len(b) < HeaderSize {
		return nil, fmt.Errorf("%w: header of %d bytes, want at least %d", ErrMalformed, len(b), HeaderSize)
	}
	be := binary.BigEndian
	n := int(be.Uint16(b[6:]))
	if n < HeaderSize || n > len(b) {
		return nil, fmt.Errorf("%w: header says %d bytes, want at least %d and at most the frame's %d", ErrMalformed, n, HeaderSize, len(b))
	}
	h.Type = Type(b[3])
	if !h.Type.known() {
		return nil, fmt.Errorf("%w: message type %d", ErrMalformed, b[3])
	}
	h.Flags = be.Uint16(b[4:])
	copy(h.Job[:], b[8:])
	h.Attempt, h.AttemptLimit, h.Moves, h.Priority = b[24], b[25], b[26], b[27]
	h.Assignment = be.Uint32(b[28:])
	h.Origin = Incarnation(be.Uint64(b[32:]))
	h.OriginSeq = be.Uint64(b[40:])
	h.OriginOpen = be.Uint64(b[48:])
	h.Owner = Incarnation(be.Uint64(b[56:]))
	h.Sender = Incarnation(be.Uint64(b[64:]))
	h.Receiver = Incarnation(be.Uint64(b[72:]))
	h.LinkSeq = be.Uint64(b[80:])
	h.LinkAck = be.Uint64(b[88:])
	h.CreditCount = be.Uint64(b[96:])
	h.CreditBytes = be.Uint64(b[104:])
	h.SentMillis = be.Uint64(b[112:])
	h.TTLMillis = be.Uint32(b[120:])
	h.BodyLength = be.Uint32(b[124:])
	h.BodyChecksum = be.Uint32(b[128:])
	h.FunctionVersion = be.Uint32(b[132:])
	h.LinkEpoch = be.Uint32(b[136:])
	h.Code = Code(be.Uint16(b[140:]))
	copy(h.TraceID[:], b[144:])
	copy(h.SpanID[:], b[160:])
	h.TraceFlags = b[168]
	h.RanMicros = be.Uint32(b[172:])
	h.HeardMillis = be.Uint64(b[176:])
	h.ResultRoom = be.Uint32(b[184:])
	h.Waited = be.Uint32(b[188:])
	if h.Sender == 0 {
		return nil, fmt.Errorf("%w: %s without a sender incarnation", ErrMalformed, h.Type)
	}
	return b[n:], nil
}
