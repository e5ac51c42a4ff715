package bus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"faasd/internal/role"
)

// A batch is packets for one peer that are asked for in one turn, in one frame
// of one ZeroMQ message: what libzmq does for a message, its threads' waking each
// other above all, costs more than all that a machine does with it. Nothing waits
// for a batch to fill.
//
//	"fb"  version 1   then, of each packet:  number of frames (1)   of each: length (4), bytes
//
// The integer is big-endian. A topic stands before, in a frame of its own, and in no packet.

// Bounds of a batch. A packet of more than batchPacket goes by itself, since it
// is copied into a batch and out of it.
const (
	batchPacket  = 8 << 10  // bytes of a packet's frames
	batchBytes   = 64 << 10 // of a batch, beyond which nothing is added
	batchPackets = 512      // in a batch
	maxBatch     = batchBytes + 2*batchPacket
)

// keepBatches is how many batches' memory a host keeps for the next turn.
const keepBatches = 64

// batchMark begins a batch. No message between parts begins so.
var batchMark = [3]byte{'f', 'b', 1}

var errBatch = errors.New("broken batch")

// batchKey is where a batch goes.
type batchKey struct {
	socket *socket
	to     string // the peer on a ROUTER, the topic on a PUB; "" elsewhere
}

// outgoing is a batch that has yet to be sent.
type outgoing struct {
	batchKey
	frame   []byte
	packets []role.Packet // as they were given, for Unreachable
	bytes   int           // of their frames
}

// batches collects what is sent in a turn. Batches are used again. The last one of
// each socket is found without looking into the map.
type batches struct {
	open  map[batchKey]*outgoing
	order []*outgoing
	spare []*outgoing
}

// batch says where a packet's batch goes, if it had one.
func (s *socket) batch(p role.Packet) batchKey {
	switch {
	case s.link.Kind == Router:
		return batchKey{s, p.Peer}
	case s.link.Kind.topical() && len(p.Frames) > 0:
		return batchKey{s, string(p.Frames[0])}
	}
	return batchKey{socket: s}
}

// fitsBatch reports whether a packet is small enough to be copied, and has what a
// packet in a batch has.
func (k Kind) fitsBatch(p role.Packet) bool {
	n := len(p.Frames)
	if k.topical() {
		n--
	}
	return n > 0 && n < maxFrames && size(p.Frames) <= batchPacket
}

// topical reports whether messages of the kind begin with a topic.
func (k Kind) topical() bool { return k == Pub || k == XPub || k == Sub || k == XSub }

// find returns the batch for key, nil if none is open.
func (b *batches) find(key batchKey) *outgoing {
	s := key.socket
	if s.filling == nil || s.filling.to == key.to {
		return s.filling
	}
	o := b.open[key]
	if o != nil {
		s.filling = o
	}
	return o
}

// add puts a packet, which fits, into the batch for key, and reports whether that
// is full.
func (b *batches) add(key batchKey, p role.Packet) (o *outgoing, full bool) {
	if o = b.find(key); o == nil {
		o = b.begin(key)
	}
	frames := p.Frames
	if key.socket.link.Kind.topical() {
		frames = frames[1:]
	}
	o.frame = append(o.frame, byte(len(frames)))
	for _, f := range frames {
		o.frame = binary.BigEndian.AppendUint32(o.frame, uint32(len(f)))
		o.frame = append(o.frame, f...)
	}
	o.packets = append(o.packets, p)
	o.bytes += size(p.Frames)
	return o, len(o.frame) >= batchBytes || len(o.packets) == batchPackets
}

func (b *batches) begin(key batchKey) *outgoing {
	o := &outgoing{}
	if last := len(b.spare) - 1; last >= 0 {
		o, b.spare = b.spare[last], b.spare[:last]
	}
	o.batchKey = key
	o.empty()
	if before := key.socket.filling; before != nil { // it has several destinations
		if b.open == nil {
			b.open = make(map[batchKey]*outgoing)
		}
		b.open[before.batchKey], b.open[key] = before, o
	}
	key.socket.filling = o
	b.order = append(b.order, o)
	return o
}

// end forgets all batches, which are empty, but for some memory.
func (b *batches) end() {
	switch n := len(b.open); {
	case n > keepBatches:
		b.open = nil
	case n > 0:
		clear(b.open)
	}
	for _, o := range b.order {
		o.socket.filling = nil
		if o.batchKey = (batchKey{}); len(b.spare) < keepBatches {
			b.spare = append(b.spare, o)
		}
	}
	if clear(b.order); cap(b.order) > keepBatches {
		b.order = nil
	}
	b.order = b.order[:0]
}

// message is the frames of the ZeroMQ message that is the batch.
func (o *outgoing) message() [][]byte {
	if o.socket.link.Kind.topical() {
		return [][]byte{[]byte(o.to), o.frame}
	}
	return [][]byte{o.frame}
}

// empty makes o as it is at the beginning. What was in it has been sent, or is kept to be
// returned.
func (o *outgoing) empty() {
	clear(o.packets)
	o.frame, o.packets, o.bytes = append(o.frame[:0], batchMark[:]...), o.packets[:0], 0
}

// batchIn finds the batch that a message is; nil if it is none.
func (l *link) batchIn(frames [][]byte) []byte {
	if !l.Batches {
		return nil
	}
	if l.Kind.topical() && len(frames) > 0 {
		frames = frames[1:]
	}
	if len(frames) != 1 || len(frames[0]) < len(batchMark) || [3]byte(frames[0]) != batchMark {
		return nil
	}
	return frames[0]
}

// split takes a batch apart and puts its packets into into, which is empty. Each has memory of its
// own: one that is kept for long does not keep the others'.
func (l *link) split(p role.Packet, batch []byte, into []role.Packet) ([]role.Packet, error) {
	broken := func(what string) ([]role.Packet, error) {
		return into, fmt.Errorf("%w: %s in a batch of %d bytes", errBatch, what, len(batch))
	}
	if len(batch) > maxBatch {
		return broken(fmt.Sprintf("more than %d bytes", maxBatch))
	}
	topic := p.Frames[:0:0]
	if l.Kind.topical() {
		topic = p.Frames[:1:1]
	}
	rest := batch[len(batchMark):]
	if len(rest) == 0 {
		return broken("nothing")
	}
	for len(rest) > 0 {
		if len(into) == batchPackets {
			return broken(fmt.Sprintf("more than %d packets", batchPackets))
		}
		count := int(rest[0])
		if count == 0 || count > maxFrames {
			return broken(fmt.Sprintf("a packet of %d frames", count))
		}
		end := 1
		for range count {
			if len(rest)-end < 4 {
				return broken("a packet that breaks off")
			}
			length := binary.BigEndian.Uint32(rest[end:])
			if end += 4; uint64(length) > uint64(len(rest)-end) {
				return broken("a frame that breaks off")
			}
			end += int(length)
		}
		one := p
		one.Frames = framesOf(topic, count, rest[:end])
		into, rest = append(into, one), rest[end:]
	}
	return into, nil
}

// parcel is a packet out of a batch, if it is as small as most are.
type parcel struct {
	frames [3][]byte
	bytes  [320]byte
}

// framesOf copies one packet, of so many frames, out of a batch, and puts the topic
// before it.
func framesOf(topic [][]byte, count int, packet []byte) [][]byte {
	var frames [][]byte
	var memory []byte
	if len(topic)+count <= len(parcel{}.frames) && len(packet) <= len(parcel{}.bytes) {
		in := &parcel{}
		frames, memory = in.frames[:0], in.bytes[:0]
	} else {
		frames, memory = make([][]byte, 0, len(topic)+count), make([]byte, 0, len(packet))
	}
	frames, memory = append(frames, topic...), append(memory, packet...)
	for at := 1; at < len(memory); {
		length := int(binary.BigEndian.Uint32(memory[at:]))
		at += 4
		frames = append(frames, memory[at:at+length:at+length])
		at += length
	}
	return frames
}
