// Package job holds what every hop does with jobs, written once: numbered
// links that repair themselves, windows of credit, and the results kept for
// whoever asks again. It is pure: the time comes in, frames go out.
package job

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"faasd/internal/wire"
)

// The times of a link. Sources: docs/PROTOCOL.md, "Links".
const (
	// HelloEvery is how often an initiator without a link announces itself.
	HelloEvery = 100 * time.Millisecond
	// BeaconEvery is how often each side of a link says something at least.
	BeaconEvery = time.Second
	// QuietAfter is the silence after which a peer is given nothing new: a beacon is
	// half its time late. When the first of several peers that fell silent together is
	// lost, all others have been silent for LostAfter less BeaconEvery at least, which is more.
	QuietAfter = BeaconEvery * 3 / 2
	// LostAfter is the silence after which a link is given up.
	LostAfter = 3 * time.Second
	// TrustedFor is how long after Assured jobs that came by a link are begun.
	// The peer gives them to others after LostAfter: who was stopped, or was not
	// heard, must not begin them too.
	TrustedFor = LostAfter - 200*time.Millisecond
)

// reportAfter and reportBytes are how much a receiver takes in before it sends
// a beacon for the sake of its acknowledgement alone. Under load in both
// directions acknowledgements ride on other messages and it never does.
const (
	reportAfter = 256
	reportBytes = 1 << 20
)

// Window bounds the jobs a receiver holds for one sender at a time. Bytes
// count as wire.Message.Size does.
type Window struct {
	Count uint64
	Bytes uint64
}

// less is what remains of w once used is taken from it.
func (w Window) less(used Window) Window {
	return Window{w.Count - min(used.Count, w.Count), w.Bytes - min(used.Bytes, w.Bytes)}
}

// Link is one side of a numbered conversation between two incarnations. What
// is sent is kept until the other side has acknowledged it, and sent again
// when it says what it missed. It lives until either side is lost.
//
// Both sides count in the link's own terms, from 1 at its beginning:
//
//	LinkSeq      the number of a numbered message; in HELLO and BEACON the last one given out
//	LinkAck      everything up to here has arrived
//	CreditCount  the receiver of this may have sent so many jobs since the link began
//	CreditBytes  and so many bytes of jobs
//	LinkEpoch    set by the initiator, +1 for each new link between the two
type Link struct {
	Me, Peer wire.Incarnation
	Epoch    uint32

	// Flags go out with every beacon.
	Flags uint16

	out      func(frames [][]byte)
	beacon   wire.Type     // HELLO at the initiator, BEACON at the acceptor
	announce func() []byte // body of the beacon; nil for none

	// Sending.
	last    uint64
	kept    FIFO[*wire.Message] // not acknowledged, in order of LinkSeq
	granted Window              // by the peer, counted since the link began
	used    Window              // jobs sent, likewise
	missed  []wire.Span         // what the peer has asked for again
	results uint64              // bytes of the results among kept

	// Receiving.
	got        uint64              // everything up to here has arrived
	ahead      map[uint64]struct{} // what has arrived beyond it
	mark       uint64              // the last number that the peer has announced
	asked      bool                // whether to ask for what is missing below mark
	taken      Window              // jobs that have arrived, counted since the link began
	overdrawn  bool                // more of them than were granted
	newest     uint64              // the largest number of one of them
	newestSize uint64
	grant      Window // granted to the peer, counted since the link began
	window     Window
	reported   uint64 // got, as last told
	reportedG  uint64 // grant.Count, as last told
	quiet      uint64 // bytes taken in since last told

	// Liveness.
	heard     time.Duration // when the newest message that arrived was sent, on my clock
	theirs    uint64        // the newest SentMillis of the peer's
	assured   time.Duration // when the newest message was sent that the peer says it has heard, on my clock
	spoke     time.Duration
	marked    time.Duration // when the last beacon went out
	transit   int64         // least of (my clock − the sender's) seen, ms
	measured  time.Duration // when that was; negative: never
	late      time.Duration // since when all are slower, and come evenly; negative: they are not
	latest    time.Duration // when the last of these came
	least     int64         // of their transits since then
	confirmed bool          // the peer has shown that it knows this link
}

// NewLink begins an acceptor's link. out sends frames to the peer; window is
// what the peer may have outstanding here.
func NewLink(me, peer wire.Incarnation, epoch uint32, window Window, now time.Duration, out func([][]byte)) *Link {
	return &Link{
		Me: me, Peer: peer, Epoch: epoch, out: out, beacon: wire.TypeBeacon, window: window, grant: window,
		ahead: make(map[uint64]struct{}), heard: now, spoke: now, marked: now, measured: -1, late: -1,
	}
}

// Room reports whether the peer has credit for one more job. While any byte of
// it is left there is room for one, however large: else large jobs would wait
// for ever while small ones take what becomes free.
func (l *Link) Room() bool {
	return l.used.Count < l.granted.Count && l.used.Bytes < l.granted.Bytes
}

// Free is how much of the peer's window is not used.
func (l *Link) Free() Window { return l.granted.less(l.used) }

// Send sends m and, if its type is numbered, keeps it until acknowledged. The
// message belongs to the link from then on; see Void for taking it back.
func (l *Link) Send(now time.Duration, m *wire.Message) {
	m.SentMillis = uint64(now.Milliseconds())
	if m.Type.Numbered() {
		l.last++
		m.LinkSeq = l.last
		l.kept.Push(m)
		switch m.Type {
		case wire.TypeJob:
			l.used.Count++
			l.used.Bytes += m.Size()
		case wire.TypeResult:
			l.results += m.Size()
		}
	}
	l.emit(now, m)
}

// Last returns the number of the last numbered message that was sent.
func (l *Link) Last() uint64 { return l.last }

// Void takes back a message that Send took, other than a result: if it has to be sent again, an
// empty one with its number goes in its place. For a job it carries the job's
// size, so that whoever never saw the job returns its credit.
func (l *Link) Void(m *wire.Message) {
	v := wire.Message{Header: wire.Header{Type: wire.TypeVoid, LinkSeq: m.LinkSeq}}
	if m.Type == wire.TypeJob {
		v.SetBody(binary.BigEndian.AppendUint64(nil, m.Size()))
	}
	*m = v
}

// Settle returns a job's credit to the peer: the job is no longer held here.
func (l *Link) Settle(size uint64) {
	l.grant.Count++
	l.grant.Bytes += size
}

// emit stamps m with the link's present state and sends it.
func (l *Link) emit(now time.Duration, m *wire.Message) {
	m.Sender, m.Receiver, m.LinkEpoch = l.Me, l.Peer, l.Epoch
	m.LinkAck, m.HeardMillis = l.got, l.theirs
	m.CreditCount, m.CreditBytes = l.grant.Count, l.grant.Bytes
	ms := uint64(now.Milliseconds())
	m.TTLMillis -= min(m.TTLMillis, uint32(ms-m.SentMillis)) // a repeat: time has passed since Send
	m.SentMillis = ms
	l.reported, l.reportedG, l.quiet = l.got, l.grant.Count, 0
	l.spoke = now
	l.out(m.Frames())
}

// Receive takes a message of this link. It reports whether the caller should
// act on it: numbered and not seen before. The time that the message spent
// under way is taken from its time to live.
func (l *Link) Receive(now time.Duration, m *wire.Message) (fresh bool) {
	late := l.lateness(now, m.SentMillis)
	l.heard = max(l.heard, now-late)
	l.theirs = max(l.theirs, m.SentMillis)
	l.assured = max(l.assured, min(time.Duration(min(m.HeardMillis, 1<<40))*time.Millisecond, now))
	l.confirmed = l.confirmed || m.Receiver == l.Me
	l.acknowledge(m.LinkAck)
	l.granted.Count = max(l.granted.Count, m.CreditCount)
	l.granted.Bytes = max(l.granted.Bytes, m.CreditBytes)

	switch {
	case m.Type.Numbered():
		m.TTLMillis -= min(m.TTLMillis, uint32(min(late.Milliseconds(), 1<<31)))
		return l.take(m)
	case m.Type == wire.TypeHello, m.Type == wire.TypeBeacon:
		l.mark = max(l.mark, m.LinkSeq)
		l.asked = l.got < l.mark
	case m.Type == wire.TypeGaps:
		if spans, err := wire.DecodeSpans(m.Body); err == nil {
			l.missed = append(l.missed[:0], spans...)
		}
	}
	return false
}

// lateness is how much longer a message was under way than the fastest one.
// The two clocks have nothing in common but their rate, and that only up to
// 500 millionths each (adjtimex(2)): unless the fastest is forgotten at that
// pace, every message of a link that lives for hours seems late. And a clock may
// have stood still, with its host: what comes evenly for LostAfter was not late.
func (l *Link) lateness(now time.Duration, sent uint64) time.Duration {
	transit := now.Milliseconds() - int64(sent)
	fastest := l.transit + ((now - l.measured) / 1000).Milliseconds()
	if l.measured < 0 || transit <= fastest {
		l.transit, l.measured, l.late = transit, now, -1
		return 0
	}
	if l.late < 0 || now-l.latest > 2*BeaconEvery {
		l.late, l.least = now, transit
	}
	l.latest, l.least = now, min(l.least, transit)
	if now-l.late >= LostAfter {
		fastest = l.least
		l.transit, l.measured, l.late = l.least, now, -1
	}
	return time.Duration(transit-fastest) * time.Millisecond
}

// take notes the arrival of a numbered message; false if it has come before.
func (l *Link) take(m *wire.Message) bool {
	seq := m.LinkSeq
	if seq <= l.got {
		return false
	}
	if _, dup := l.ahead[seq]; dup {
		return false
	}
	if seq != l.got+1 {
		if seq > l.got+maxAhead {
			return false // it will be asked for again
		}
		l.ahead[seq] = struct{}{}
	} else {
		l.got++
		for len(l.ahead) > 0 {
			if _, ok := l.ahead[l.got+1]; !ok {
				break
			}
			l.got++
			delete(l.ahead, l.got)
		}
	}
	l.quiet += m.Size()
	switch {
	case m.Type == wire.TypeJob:
		l.draw(seq, m.Size())
		return !l.overdrawn
	case m.Type != wire.TypeVoid:
		return true
	case len(m.Body) == 8:
		size := binary.BigEndian.Uint64(m.Body)
		l.draw(seq, size)
		l.Settle(size)
	}
	return false
}

// draw counts a job against the grant, by the rule of Room at the other side:
// what was sent before the newest was less than the grant, in whatever order
// they come.
func (l *Link) draw(seq, size uint64) {
	l.taken.Count++
	l.taken.Bytes += size
	if seq > l.newest {
		l.newest, l.newestSize = seq, size
	}
	if l.taken.Count > l.grant.Count || l.taken.Bytes-l.newestSize >= l.grant.Bytes {
		l.overdrawn = true
	}
}

// Overdrawn reports whether the peer has sent more jobs than it was granted.
func (l *Link) Overdrawn() bool { return l.overdrawn }

// maxAhead bounds, in messages, the memory for what arrives behind a gap, and
// for what is not acknowledged: a receiver that keeps to the first has always
// acknowledged more.
const maxAhead = 1 << 18

func (l *Link) acknowledge(ack uint64) {
	kept, n := l.kept.Items(), 0
	for n < len(kept) && kept[n].LinkSeq <= ack {
		if m := kept[n]; m.Type == wire.TypeResult {
			l.results -= m.Size()
		}
		n++
	}
	l.kept.Drop(n)
}

// Poll sends what the link itself has to say: messages to repeat, questions
// for missing ones, and a beacon when one is due.
func (l *Link) Poll(now time.Duration) {
	for _, s := range l.missed {
		for _, m := range l.between(s) {
			l.emit(now, m)
		}
	}
	l.missed = l.missed[:0]
	if l.asked {
		l.asked = false
		m := &wire.Message{Header: wire.Header{Type: wire.TypeGaps}}
		m.SetBody(wire.AppendSpans(nil, l.gaps()))
		l.emit(now, m)
	}
	if now >= l.beaconDue() || l.got >= l.reported+reportAfter || l.quiet >= reportBytes ||
		l.grant.Count >= l.reportedG+max(l.window.Count/4, 1) {
		l.Beacon(now)
	}
}

// beaconDue is a second after this side's last word; or, while something is
// not acknowledged, after its last beacon, because only that tells the peer
// what it has missed.
func (l *Link) beaconDue() time.Duration {
	if l.kept.Len() > 0 {
		return l.marked + BeaconEvery
	}
	return l.spoke + BeaconEvery
}

// Beacon sends a beacon now, because it is due or because its flags or its
// body have changed.
func (l *Link) Beacon(now time.Duration) {
	m := &wire.Message{Header: wire.Header{Type: l.beacon, Flags: l.Flags, LinkSeq: l.last}}
	m.SetBody(nil)
	if l.announce != nil {
		m.SetBody(l.announce())
	}
	l.marked = now
	l.emit(now, m)
}

// between returns the kept messages whose numbers lie in s.
func (l *Link) between(s wire.Span) []*wire.Message {
	kept := l.kept.Items()
	if len(kept) == 0 || s.Last < kept[0].LinkSeq || s.First > l.last {
		return nil
	}
	// kept has no holes: what is acknowledged goes from the front.
	base := kept[0].LinkSeq
	from := max(s.First, base) - base
	to := min(s.Last, l.last) - base + 1
	return kept[from:to]
}

// gaps lists what is missing up to the peer's mark. It costs what has arrived,
// not what the mark says: that is any number the peer likes.
func (l *Link) gaps() []wire.Span {
	var spans []wire.Span
	next := l.got + 1
	for _, seq := range slices.Sorted(maps.Keys(l.ahead)) {
		if seq > l.mark || len(spans) == wire.MaxSpans {
			break
		}
		if seq > next {
			spans = append(spans, wire.Span{First: next, Last: seq - 1})
		}
		next = seq + 1
	}
	if next <= l.mark && len(spans) < wire.MaxSpans {
		spans = append(spans, wire.Span{First: next, Last: l.mark})
	}
	return spans
}

// Wake returns when Poll has something to do if nothing arrives.
func (l *Link) Wake() time.Duration { return min(l.beaconDue(), l.heard+LostAfter) }

// lost says why the peer is given up, if it is: it has been silent too long, or
// takes nothing in.
func (l *Link) lost(now time.Duration) (why string) {
	switch {
	case now >= l.heard+LostAfter:
		return "silent for 3 s"
	case l.kept.Len() > maxAhead, l.results > maxResults*max(l.window.Bytes, reportBytes):
		return fmt.Sprintf("takes nothing in; %d messages wait, of them results of %d MiB", l.kept.Len(), l.results>>20)
	}
	return ""
}

// maxResults is how many times the window, in bytes, results may be that the
// peer has not acknowledged. A peer that lives acknowledges each MiB, and jobs
// count with what their results are expected to have: only of functions that
// suddenly return much more can so much be under way.
const maxResults = 4

// Excuse takes back silence of the peer that this process has slept through.
func (l *Link) Excuse(slept time.Duration) { l.heard += slept }

// Assured returns when this side sent the newest message that the peer says it
// has heard. For LostAfter from then, at least, the peer does not give the link
// up, whatever it does not hear meanwhile.
func (l *Link) Assured() time.Duration { return l.assured }

// Trusted reports whether jobs that came by this link may be begun: the peer has
// heard this side lately, and has not given them to others.
func (l *Link) Trusted(now time.Duration) bool { return now-l.assured < TrustedFor }

// Unacknowledged returns the messages kept for repeating, oldest first.
func (l *Link) Unacknowledged() []*wire.Message { return l.kept.Items() }

// farewell sends a GOODBYE; the link is over afterwards.
func (l *Link) farewell(now time.Duration, reason string) {
	m := &wire.Message{Header: wire.Header{Type: wire.TypeGoodbye, Code: wire.CodeLeaving}, Meta: wire.Meta{Reason: reason}}
	m.SetBody(nil)
	l.Send(now, m)
}
