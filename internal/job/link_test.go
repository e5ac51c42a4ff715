package job

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"faasd/internal/wire"
)

const (
	ms     = time.Millisecond
	second = time.Second
	// Two incarnations for tests that look at one link closely.
	here, there wire.Incarnation = 0x4e4e, 0x7777
)

// A tape holds what a link has sent and nobody has received.
type tape struct {
	t    *testing.T
	sent []*wire.Message
}

func (s *tape) out(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sent = append(s.sent, m)
}

// take returns what was sent since the last call.
func (s *tape) take() []*wire.Message {
	sent := s.sent
	s.sent = nil
	return sent
}

// only takes the one message that was sent, which has that type.
func (s *tape) only(typ wire.Type) *wire.Message {
	s.t.Helper()
	sent := s.take()
	if len(sent) != 1 || sent[0].Type != typ {
		s.t.Fatalf("sent %v, want one %s", types(sent), typ)
	}
	return sent[0]
}

func types(list []*wire.Message) []wire.Type {
	t := make([]wire.Type, len(list))
	for i, m := range list {
		t[i] = m.Type
	}
	return t
}

var wide = Window{Count: 1000, Bytes: 1 << 20}

// couple makes the two ends of a link, each with credit from the other.
func couple(t *testing.T, window Window) (a, b *Link, fromA, fromB *tape) {
	fromA, fromB = &tape{t: t}, &tape{t: t}
	a = NewLink(here, there, 1, window, 0, fromA.out)
	b = NewLink(there, here, 1, window, 0, fromB.out)
	a.Beacon(0)
	b.Receive(0, fromA.only(wire.TypeBeacon))
	b.Beacon(0)
	a.Receive(0, fromB.only(wire.TypeBeacon))
	return a, b, fromA, fromB
}

func newJob(body int) *wire.Message {
	m := &wire.Message{Header: wire.Header{Type: wire.TypeJob, TTLMillis: 10_000}}
	m.SetBody(make([]byte, body))
	return m
}

// askAgain has b ask for what is missing and a send it again.
func askAgain(now time.Duration, a, b *Link, fromA, fromB *tape) []*wire.Message {
	a.Beacon(now)
	b.Receive(now, fromA.only(wire.TypeBeacon))
	b.Poll(now)
	for _, m := range fromB.take() {
		a.Receive(now, m)
	}
	a.Poll(now)
	return fromA.take()
}

func TestNumbersAreGivenToNumberedMessagesOnly(t *testing.T) {
	a, _, fromA, _ := couple(t, wide)
	a.Send(0, newJob(0))
	a.Beacon(0)
	a.Send(0, &wire.Message{Header: wire.Header{Type: wire.TypeCancel}})
	a.Send(0, &wire.Message{Header: wire.Header{Type: wire.TypeGoodbye}})
	want := []uint64{1, 1, 2, 0} // a beacon says which was the last
	for i, m := range fromA.take() {
		if m.LinkSeq != want[i] || m.Sender != here || m.Receiver != there || m.LinkEpoch != 1 {
			t.Errorf("%s: number %d from %v to %v in epoch %d, want number %d", m.Type, m.LinkSeq, m.Sender, m.Receiver, m.LinkEpoch, want[i])
		}
	}
	if kept := a.Unacknowledged(); len(kept) != 2 {
		t.Errorf("%d messages are kept, want the job and its cancellation", len(kept))
	}
}

func TestTimeUnderWayIsTakenFromTheTimeToLive(t *testing.T) {
	a, _, fromA, _ := couple(t, wide)
	const apart = 24 * time.Hour // the clocks' difference
	b := NewLink(there, here, 1, wide, apart, nil)
	a.Beacon(0)
	b.Receive(apart, fromA.only(wire.TypeBeacon))
	for _, c := range []struct {
		late time.Duration
		want uint32
	}{
		{0, 10_000}, {700 * ms, 9_300}, {9_999 * ms, 1}, {10 * second, 0}, {time.Hour, 0}, {100 * 24 * time.Hour, 0},
	} {
		a.Send(0, newJob(0))
		m := fromA.only(wire.TypeJob)
		if !b.Receive(apart+c.late, m) {
			t.Fatal("a new job is not taken for new")
		}
		if m.TTLMillis < c.want || m.TTLMillis > c.want+10 { // the clocks may have drifted a little
			t.Errorf("%v late: %d ms are left, want %d", c.late, m.TTLMillis, c.want)
		}
	}
}

func TestTimeUntilARepeatIsTakenFromTheTimeToLive(t *testing.T) {
	a, b, fromA, fromB := couple(t, wide)
	a.Send(second, newJob(0))
	if m := fromA.only(wire.TypeJob); m.TTLMillis != 10_000 || m.Flags&wire.FlagResent != 0 {
		t.Errorf("the first copy has %d ms left and flags %x", m.TTLMillis, m.Flags)
	}
	for _, c := range []struct {
		at   time.Duration
		want uint32
	}{{second, 10_000}, {3 * second, 8_000}, {3500 * ms, 7_500}, {10_999 * ms, 1}, {11 * second, 0}, {30 * second, 0}} {
		again := askAgain(c.at, a, b, fromA, fromB)
		if len(again) != 1 || again[0].TTLMillis != c.want || again[0].Flags&wire.FlagResent != 0 || again[0].LinkSeq != 1 {
			t.Errorf("at %v: repeated %v with %+v, want %d ms left", c.at, types(again), again, c.want)
		}
	}
}

func TestResultsHaveNoTimeToLose(t *testing.T) {
	a, b, fromA, fromB := couple(t, wide)
	a.Send(0, &wire.Message{Header: wire.Header{Type: wire.TypeResult}})
	fromA.take()
	again := askAgain(20*second, a, b, fromA, fromB)
	if len(again) != 1 || again[0].TTLMillis != 0 || again[0].Flags&wire.FlagResent != 0 {
		t.Errorf("repeated as %+v", again)
	}
}

func TestSlowClocksDoNotMakeMessagesLate(t *testing.T) {
	// Crystals differ by up to 100 millionths each, and links live for weeks.
	a, b, fromA, fromB := couple(t, wide)
	for hour := range 24 * 14 {
		now := time.Duration(hour) * time.Hour
		for s := range 5 {
			now := now + time.Duration(s)*10*time.Minute
			drifted := now + now/5000
			a.Send(now, newJob(0))
			m := fromA.only(wire.TypeJob)
			b.Receive(drifted, m)
			if late := drifted - b.heard; late > second || m.TTLMillis < 9_000 {
				t.Fatalf("after %v a message that came at once counts as %v late and loses %d ms", now, late, 10_000-m.TTLMillis)
			}
			b.Beacon(drifted)
			a.Receive(now, fromB.only(wire.TypeBeacon))
		}
	}
}

func TestWhatIsReadLateDoesNotCountAsHeard(t *testing.T) {
	a, b, fromA, _ := couple(t, wide)
	var backlog []*wire.Message
	for at := second; at <= 2*second; at += 250 * ms {
		a.Beacon(at)
		backlog = append(backlog, fromA.take()...)
	}
	// b is stopped until 7 s; a has died at 2 s.
	for _, m := range backlog {
		b.Receive(7*second, m)
	}
	if off := b.heard - 2*second; off < 0 || off > 10*ms || b.lost(7*second) == "" {
		t.Errorf("heard at %v, want the last message's %v", b.heard, 2*second)
	}
	// Had a not died, its newest message would show it.
	a.Beacon(7 * second)
	b.Receive(7*second, fromA.only(wire.TypeBeacon))
	if b.lost(7*second) != "" {
		t.Error("a message that came at once does not count")
	}
}

func TestCancelledJobThatNeverArrivedReturnsItsCredit(t *testing.T) {
	a, b, fromA, fromB := couple(t, Window{Count: 2, Bytes: 1 << 20})
	for range 2 {
		m := newJob(700)
		a.Send(0, m)
		a.Void(m)
	}
	fromA.take() // lost
	if a.Room() {
		t.Fatal("credit is back before the other side has given it back")
	}
	before := b.grant
	again := askAgain(second, a, b, fromA, fromB)
	for range 2 { // and is repeated once too often
		for _, m := range again {
			if m.Type != wire.TypeVoid {
				t.Fatalf("a cancelled job is sent again as %s", m.Type)
			}
			if b.Receive(second, m) {
				t.Error("a void message is to be acted on")
			}
		}
	}
	want := Window{before.Count + 2, before.Bytes + 2*(700+minSize)}
	if b.grant != want {
		t.Errorf("granted %+v, want %+v", b.grant, want)
	}
	b.Poll(second)
	a.Receive(second, fromB.only(wire.TypeBeacon))
	if !a.Room() || len(a.Unacknowledged()) > 0 {
		t.Errorf("room %t and %d kept, want room and nothing kept", a.Room(), len(a.Unacknowledged()))
	}
}

func TestCancelledJobThatArrivedReturnsItsCreditOnce(t *testing.T) {
	a, b, fromA, _ := couple(t, wide)
	m := newJob(700)
	a.Send(0, m)
	if !b.Receive(0, fromA.only(wire.TypeJob)) {
		t.Fatal("the job is not new")
	}
	a.Void(m) // b has it; a does not know yet, and hears a question from before it came
	gaps := &wire.Message{Header: wire.Header{Type: wire.TypeGaps, Sender: there, Receiver: here, LinkEpoch: 1}}
	gaps.SetBody(wire.AppendSpans(nil, []wire.Span{{First: 1, Last: 1}}))
	a.Receive(0, gaps)
	a.Poll(0)
	before := b.grant
	if void := fromA.only(wire.TypeVoid); b.Receive(0, void) || b.grant != before {
		t.Errorf("granted %+v, want %+v: the job is settled by whoever runs it", b.grant, before)
	}
}

func TestOtherMessagesThatAreTakenBackCarryNoCredit(t *testing.T) {
	a, b, fromA, fromB := couple(t, wide)
	m := &wire.Message{Header: wire.Header{Type: wire.TypeResult}, Body: make([]byte, 500)}
	a.Send(0, m)
	fromA.take()
	a.Void(m)
	before := b.grant
	again := askAgain(second, a, b, fromA, fromB)
	if len(again) != 1 || again[0].Type != wire.TypeVoid || len(again[0].Body) != 0 {
		t.Fatalf("sent again: %+v", again)
	}
	if b.Receive(second, again[0]) || b.grant != before {
		t.Errorf("granted %+v, want %+v", b.grant, before)
	}
}

func TestWindowBoundsCountAndBytes(t *testing.T) {
	for _, c := range []struct {
		name   string
		window Window
		jobs   []int // bodies of jobs already sent
		want   bool  // room for one more, however large
	}{
		{"nothing granted", Window{}, nil, false},
		{"first", Window{1, 1000}, nil, true},
		{"count reached", Window{1, 1 << 20}, []int{0}, false},
		{"one below the count", Window{2, 1 << 20}, []int{0}, true},
		{"a byte is left", Window{9, 1000}, []int{0, 999 - 2*256}, true},
		{"no byte is left", Window{9, 1000}, []int{0, 1000 - 2*256}, false},
		{"beside one that is larger than the window", Window{9, 1000}, []int{1 << 20}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, fromA, _ := couple(t, c.window)
			for _, body := range c.jobs {
				a.Send(0, newJob(body))
				b.Receive(0, fromA.only(wire.TypeJob))
			}
			if got := a.Room(); got != c.want {
				t.Errorf("room %t, want %t", got, c.want)
			}
			if b.Overdrawn() {
				t.Error("what there was room for is too much for the other side")
			}
			a.Send(0, newJob(1<<20))
			if b.Receive(0, fromA.only(wire.TypeJob)); b.Overdrawn() == c.want {
				t.Errorf("one more is too much for the other side: %t", b.Overdrawn())
			}
		})
	}
}

func TestOnlyJobsUseCredit(t *testing.T) {
	a, _, _, _ := couple(t, Window{Count: 1, Bytes: 1000})
	for _, typ := range []wire.Type{wire.TypeResult, wire.TypeCancel, wire.TypeMove, wire.TypeMoved, wire.TypeRefused, wire.TypeReturn} {
		m := &wire.Message{Header: wire.Header{Type: typ}}
		m.SetBody(make([]byte, 5000))
		a.Send(0, m)
	}
	if !a.Room() {
		t.Error("messages that are no jobs have used up the window")
	}
}

func TestOldCreditDoesNotReplaceNew(t *testing.T) {
	a, b, fromA, fromB := couple(t, Window{Count: 1, Bytes: 1000})
	b.Beacon(0)
	old := fromB.only(wire.TypeBeacon)
	a.Send(0, newJob(0))
	b.Receive(0, fromA.only(wire.TypeJob))
	b.Settle(minSize)
	b.Beacon(0)
	a.Receive(0, fromB.only(wire.TypeBeacon))
	a.Receive(0, old)
	if !a.Room() {
		t.Error("a message that was overtaken has taken credit back")
	}
}

func TestLossIsRepairedUnderLoadThatNeverPauses(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := linked(t, wide)
		for _, n := range []*node{w.initiator, w.acceptor} {
			n.fresh = func(m *wire.Message) {
				if m.Type == wire.TypeJob {
					n.link().Settle(m.Size())
				}
			}
			var next func()
			next = func() {
				n.send(wire.TypeJob, 0, 0)
				w.after(100*ms, next)
			}
			if n == w.initiator || back {
				next()
			}
		}
		w.run(2 * second)
		w.initiator.out.cut = true
		lost := w.initiator.send(wire.TypeJob, 0, 0)
		w.initiator.out.cut = false
		w.run(3 * second)
		if lost.arrived != 1 {
			t.Errorf("load both ways %t: a job that was lost has not been repeated after 3 s; %d are kept",
				back, len(w.initiator.link().Unacknowledged()))
		}
	}
}

func TestManyGapsAreRepaired(t *testing.T) {
	w := linked(t, Window{Count: 1 << 40, Bytes: 1 << 60})
	w.acceptor.fresh = nil
	const n = 2000 // every other one: more gaps than one message can list
	for i := range n {
		w.initiator.out.cut = i%2 == 0
		w.initiator.send(wire.TypeJob, 0, 0)
	}
	w.initiator.out.cut = false
	w.run(second)
	if got := len(w.acceptor.linkTo(w.initiator.me).ahead); got > n/2 {
		t.Errorf("%d messages are remembered ahead of the gaps, want at most %d", got, n/2)
	}
	w.run(6 * second)
	for _, l := range w.letters {
		if l.arrived != 1 {
			t.Fatalf("message %d arrived %d times", l.number, l.arrived)
		}
	}
	if link := w.acceptor.link(); len(link.ahead) > 0 || len(w.initiator.link().Unacknowledged()) > 0 {
		t.Errorf("%d remembered and %d kept after all have arrived", len(link.ahead), len(w.initiator.link().Unacknowledged()))
	}
}

func TestNumbersOutOfAllBoundsAreHarmless(t *testing.T) {
	// Whoever reaches a socket can write any number into a header.
	for _, seq := range []uint64{maxAhead + 2, 1 << 40, 1 << 63, math.MaxUint64} {
		a, b, fromA, fromB := couple(t, wide)
		beacon := &wire.Message{Header: wire.Header{Type: wire.TypeBeacon, Sender: here, Receiver: there, LinkSeq: seq, LinkAck: seq}}
		b.Receive(0, beacon)
		b.Poll(0)
		gaps, err := wire.DecodeSpans(fromB.only(wire.TypeGaps).Body)
		if err != nil || len(gaps) != 1 || gaps[0].First != 1 {
			t.Errorf("asks for %v, %v", gaps, err)
		}
		if b.Receive(0, &wire.Message{Header: wire.Header{Type: wire.TypeJob, Sender: here, Receiver: there, LinkSeq: seq}}) {
			t.Errorf("message %d is taken with 1 missing", seq)
		}
		if len(b.ahead) > 0 {
			t.Errorf("message %d is remembered", seq)
		}
		// and the link goes on
		a.Send(0, newJob(0))
		if !b.Receive(0, fromA.only(wire.TypeJob)) {
			t.Error("message 1 is not taken any more")
		}
	}
}

func TestBeaconsAcknowledgeOneWayLoad(t *testing.T) {
	for _, c := range []struct {
		name   string
		window Window
		body   int
		settle bool
		after  int // messages until a beacon
	}{
		{"by count", wide, 0, false, reportAfter},
		{"by bytes", wide, 100_000, false, 11},
		{"by credit returned", Window{Count: 40, Bytes: 1 << 20}, 0, true, 10},
		{"by credit returned, smallest window", Window{Count: 1, Bytes: 1 << 20}, 0, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, fromA, fromB := couple(t, c.window)
			for i := 1; i <= 3*c.after; i++ {
				a.Send(0, newJob(c.body))
				m := fromA.only(wire.TypeJob)
				b.Receive(0, m)
				if c.settle {
					b.Settle(m.Size())
				}
				b.Poll(0)
				sent := fromB.take()
				if due := i%c.after == 0; due != (len(sent) == 1) {
					t.Fatalf("after %d messages %v were sent", i, types(sent))
				}
				for _, m := range sent {
					a.Receive(0, m)
					if len(a.Unacknowledged()) > 0 {
						t.Errorf("%d messages are kept behind their acknowledgement", len(a.Unacknowledged()))
					}
				}
			}
		})
	}
}

func TestAcknowledgementsRideOnTraffic(t *testing.T) {
	a, b, fromA, fromB := couple(t, wide)
	for range 10 * reportAfter {
		a.Send(0, newJob(0))
		b.Receive(0, fromA.only(wire.TypeJob))
		b.Settle(minSize)
		b.Send(0, &wire.Message{Header: wire.Header{Type: wire.TypeResult}})
		b.Poll(0)
		a.Receive(0, fromB.only(wire.TypeResult))
		a.Poll(0)
		if len(fromA.sent) > 0 {
			t.Fatalf("sent %v beside the jobs", types(fromA.take()))
		}
	}
	if n := len(a.Unacknowledged()); n > 0 {
		t.Errorf("%d messages are kept", n)
	}
}

func TestIdleLinksSendOneBeaconASecond(t *testing.T) {
	w := linked(t, wide)
	clear(w.initiator.out.count)
	clear(w.acceptor.out.count)
	w.run(time.Minute)
	for _, c := range []struct {
		n   *node
		typ wire.Type
	}{{w.initiator, wire.TypeHello}, {w.acceptor, wire.TypeBeacon}} {
		all := 0
		for _, k := range c.n.out.count {
			all += k
		}
		if beacons := c.n.out.count[c.typ]; beacons < 58 || beacons > 60 || all != beacons {
			t.Errorf("%s sent %v in a minute, want some 60 of %s and nothing else", c.n.name, c.n.out.count, c.typ)
		}
	}
}

func TestMessagesThatAreVoidedKeepNothingOfTheJob(t *testing.T) {
	a, _, fromA, _ := couple(t, wide)
	m := newJob(1 << 20)
	a.Send(0, m)
	fromA.take()
	size := m.Size()
	a.Void(m)
	if len(m.Body) != 8 || binary.BigEndian.Uint64(m.Body) != size || m.CheckBody() != nil || m.Meta != (wire.Meta{}) {
		t.Errorf("a voided job is kept as %+v", m)
	}
}

// FuzzLink gives a link messages that decode and mean nothing. Five bytes make
// one: what it is, its number, its acknowledgement, its credit, how late it is.
func FuzzLink(f *testing.F) {
	f.Add([]byte("\x00\x03\x00\x09\x00" + "\x04\x01\x01\x09\x10" + "\x0b\x02\x03\x09\x10" + "\x05\x03\x03\x09\x90"))
	f.Add([]byte("\x01\xff\x00\xff\x00" + "\x02\x01\xff\x00\xff" + "\x02\xff\x02\x00\x01" + "\x03\x00\x00\x00\x00"))
	f.Add([]byte("\x04\xfe\xfe\xfe\xfe" + "\x0b\xff\xff\xff\xff" + "\x01\xfd\x80\x00\x80"))
	kinds := []wire.Type{
		wire.TypeHello, wire.TypeBeacon, wire.TypeGaps, wire.TypeGoodbye, wire.TypeJob, wire.TypeResult,
		wire.TypeCancel, wire.TypeMove, wire.TypeMoved, wire.TypeRefused, wire.TypeReturn, wire.TypeVoid,
	}
	number := func(b byte) uint64 { // small ones, and those at which something might tip over
		if b < 0x80 {
			return uint64(b)
		}
		return 1<<(b&0x3f) - uint64(b>>6&1)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var sent int
		l := NewLink(there, here, 1, wide, 0, func([][]byte) { sent++ })
		for range 3 {
			l.Send(0, newJob(0))
		}
		seen := make(map[uint64]bool)
		for now := second; len(b) >= 5; now += 100 * ms {
			m := &wire.Message{Header: wire.Header{
				Type: kinds[int(b[0])%len(kinds)], Sender: here, Receiver: there, LinkEpoch: 1, TTLMillis: 100,
				LinkSeq: number(b[1]), LinkAck: number(b[2]), CreditCount: number(b[3]), CreditBytes: number(b[3]),
				SentMillis: uint64(now.Milliseconds()) - number(b[4]),
			}}
			switch m.Type {
			case wire.TypeGaps:
				m.SetBody(wire.AppendSpans(nil, []wire.Span{{First: m.LinkSeq, Last: m.CreditCount}}))
			case wire.TypeVoid:
				m.SetBody(binary.BigEndian.AppendUint64(nil, m.CreditBytes))
			}
			b = b[5:]
			if l.Receive(now, m) {
				if seen[m.LinkSeq] || m.LinkSeq == 0 || m.Type == wire.TypeVoid || !m.Type.Numbered() {
					t.Fatalf("%s %d is to be acted on", m.Type, m.LinkSeq)
				}
				seen[m.LinkSeq] = true
			}
			if m.TTLMillis > 100 {
				t.Fatalf("its way has given a job time: %d ms of 100 are left", m.TTLMillis)
			}
			l.Room()
			before := sent
			l.Poll(now)
			if sent-before > 3+2 {
				t.Fatalf("one %s is answered by %d messages", m.Type, sent-before)
			}
		}
		if len(l.ahead) > maxAhead || len(l.Unacknowledged()) > 3 {
			t.Fatalf("%d remembered, %d kept", len(l.ahead), len(l.Unacknowledged()))
		}
	})
}

// A peer that speaks and acknowledges nothing is as good as silent.
func TestAPeerThatAcknowledgesNothingIsGivenUp(t *testing.T) {
	a, b, fromA, _ := couple(t, Window{10, 1 << 20})
	now := time.Second
	for range maxAhead + 1 {
		a.Send(now, &wire.Message{Header: wire.Header{Type: wire.TypeCancel}})
		fromA.take()
	}
	b.Beacon(now)
	a.Poll(now)
	if a.lost(now) == "" {
		t.Errorf("%d messages are kept for it", len(a.Unacknowledged()))
	}
}

// Whoever takes no results in is given up before they fill the memory.
func TestAPeerThatTakesNoResultsIsGivenUp(t *testing.T) {
	window := Window{10, 1 << 20}
	a, b, fromA, fromB := couple(t, window)
	now := second
	send := func() {
		m := &wire.Message{Header: wire.Header{Type: wire.TypeResult}}
		m.SetBody(make([]byte, 256<<10))
		a.Send(now, m)
	}
	for range 40 { // as much as wanted, if it is acknowledged
		send()
		b.Receive(now, fromA.only(wire.TypeResult))
		b.Beacon(now)
		a.Receive(now, fromB.only(wire.TypeBeacon))
	}
	kept := uint64(0)
	for ; kept <= maxResults*max(window.Bytes, reportBytes); kept += 256<<10 + 256 {
		if why := a.lost(now); why != "" {
			t.Fatalf("given up with %d bytes kept: %s", kept, why)
		}
		send()
	}
	if why := a.lost(now); !strings.Contains(why, "results of 4 MiB") {
		t.Errorf("with %d bytes kept: %q", kept, why)
	}
	a.acknowledge(a.Last())
	if why := a.lost(now); why != "" || a.results != 0 {
		t.Errorf("with all acknowledged: %q, %d bytes", why, a.results)
	}
}

// A host that was suspended with its clock is not late for ever.
func TestWhatComesEvenlyIsNotLate(t *testing.T) {
	b := NewLink(there, here, 1, wide, 0, nil)
	at := func(now time.Duration, sent int) time.Duration {
		m := &wire.Message{Header: wire.Header{Type: wire.TypeBeacon, SentMillis: uint64(sent)}}
		b.Receive(now, m)
		return now - b.heard
	}
	at(second, 1000)
	// Its clock stands still for 1.5 s.
	late := at(3500*ms, 2000)
	if late < 1400*ms {
		t.Fatalf("a message that may have lain somewhere is late by %v", late)
	}
	for i := range 4 {
		late = at(4500*ms+time.Duration(i)*second, 3000+1000*i)
	}
	if late > 20*ms {
		t.Errorf("after 4 s in which all came evenly they are late by %v", late)
	}
}
