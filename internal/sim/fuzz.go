package sim

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Fuzz is the body of a role's fuzz target: whatever arrives on whichever link
// of the process called name, nothing panics, then or later; what the machine
// counts as unusable changes nothing; and what is certainly garbage is counted.
func Fuzz(f *testing.F, name string) {
	for _, p := range traffic(name) {
		f.Add(uint8(p.Link), false, flat(p.Frames))
		f.Add(uint8(p.Link), true, flat(p.Frames[:1]))
	}
	for _, link := range slices.Sorted(maps.Keys(New(small).Node(name).kinds)) {
		for _, frame := range []string{"", "\x00", "\x01", "\x01queueA/0000000000000001/", "\x00state/", "\xff\xff"} {
			f.Add(uint8(link), false, flat([][]byte{[]byte(frame)}))
			f.Add(uint8(link), true, flat([][]byte{{}, []byte(frame)}))
		}
		for _, m := range []wire.MDP{{Command: wire.MDPReady, Service: "echo"}, {Command: wire.MDPReply, Client: "x"}, {Command: wire.MDPHeartbeat}} {
			f.Add(uint8(link), true, flat(m.Frames()))
		}
	}
	f.Fuzz(func(t *testing.T, link uint8, stranger bool, b []byte) {
		s := New(small)
		s.Run(time.Second)
		n := s.Node(name)
		p := role.Packet{Link: role.Link(link), Frames: unflat(b)}
		if kind := n.kinds[p.Link]; kind == 0 || kind == Push {
			return // nothing comes from there
		}
		if !stranger {
			p.Peer = n.somebody(p.Link)
		}
		n.tick() // what is due anyway
		before, counted := Footprint(n.Machine), malformed(n)
		n.Do(func(now role.Time) { n.Machine.Receive(now, p) })
		switch {
		case malformed(n) > counted:
			after := Footprint(n.Machine)
			if !maps.Equal(before, after) {
				t.Errorf("an unusable packet has changed\n%v\ninto\n%v", before, after)
			}
			r := s.Ask("frontend1", request)
			if s.Run(time.Second); !r.OK() {
				t.Errorf("an unusable packet keeps a request from being answered: %d %+v", r.Refusal, r.Answers)
			}
		case garbage(p.Frames) && n.kinds[p.Link] != Sub: // what comes by a subscription that was not made is not looked at
			t.Error("garbage is not counted")
		default:
			s.Ask("frontend1", request)
			s.Run(7 * time.Second)
		}
	})
}

var small = Layout{Queues: 1, Workers: 1, Slots: 2}

// traffic is what a process is sent in a short life.
func traffic(name string) (packets []role.Packet) {
	s := New(small)
	seen := make(map[string]bool)
	s.Lose = func(_, to string, p role.Packet) bool {
		kind := string(p.Frames[0][:min(4, len(p.Frames[0]))]) + string(rune(len(p.Frames))) + string(rune(p.Link))
		if to == name && !seen[kind] {
			seen[kind] = true
			packets = append(packets, p)
		}
		return false
	}
	s.Run(time.Second)
	s.Ask("frontend1", request).Cancel()
	s.Ask("frontend1", request)
	s.Run(time.Second)
	for _, n := range slices.Clone(s.nodes) {
		if n.Name != name {
			s.Shut(n.Name, 100*time.Millisecond)
		}
	}
	return packets
}

// somebody is a peer that the machine knows on a link.
func (n *Node) somebody(link role.Link) string {
	for _, s := range n.sockets {
		if s.link == link {
			if s.kind == Router && len(s.conns) > 0 {
				return s.conns[0].id
			}
			return s.peer
		}
	}
	return ""
}

// malformed is how many messages the machine has counted as unusable.
func malformed(n *Node) uint64 {
	return n.Machine.(interface{ MalformedCount() uint64 }).MalformedCount()
}

// garbage reports whether frames are no message of any kind.
func garbage(frames [][]byte) bool {
	for _, f := range [][][]byte{frames, frames[1:]} {
		if _, err := wire.Decode(f); err == nil {
			return false
		}
		if _, err := wire.DecodeText(f); err == nil {
			return false
		}
		if _, err := wire.DecodeMDP(f); err == nil {
			return false
		}
	}
	subscription := len(frames) == 1 && len(frames[0]) > 0 && frames[0][0] <= 1
	return !subscription && !(len(frames) == 2 && json.Valid(frames[1]))
}

// flat and unflat turn frames into one string of bytes and back: each frame
// has its length, two bytes, in front.
func flat(frames [][]byte) (b []byte) {
	for _, f := range frames {
		b = binary.BigEndian.AppendUint16(b, uint16(len(f)))
		b = append(b, f...)
	}
	return b
}

func unflat(b []byte) (frames [][]byte) {
	for len(b) >= 2 && len(frames) < 16 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		frames = append(frames, b[2:2+n])
		b = b[2+n:]
	}
	if len(frames) == 0 {
		frames = [][]byte{b}
	}
	return frames
}

var request = frontend.Request{Function: "echo", Body: []byte("body")}
