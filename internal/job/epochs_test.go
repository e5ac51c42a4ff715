package job

import (
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

func (w *world) expect(n *node, want ...Event) {
	w.t.Helper()
	if got := n.happened(); !slices.Equal(got, want) {
		w.fail("at %s happened %v, want %v", n.name, got, want)
	}
}

// expectUse sends a job each way and wants both to arrive.
func (w *world) expectUse() {
	w.t.Helper()
	if !w.joined() {
		w.fail("there is no link")
	}
	there, back := w.initiator.send(wire.TypeJob, 0, 1), w.acceptor.send(wire.TypeJob, 0, 1)
	w.run(100 * ms)
	if there.arrived != 1 || back.arrived != 1 {
		w.fail("jobs arrived %d and %d times", there.arrived, back.arrived)
	}
}

func TestLinkBeginsWhicheverSideIsFirst(t *testing.T) {
	for _, wait := range []time.Duration{0, 50 * ms, 10 * second} {
		w := newWorld(t, 1, wide)
		w.acceptor.halted = true
		w.run(wait)
		w.into(w.acceptor).queue = nil // nobody has listened
		w.acceptor.halted = false
		w.run(HelloEvery + 50*ms)
		w.expect(w.initiator, Up)
		w.expect(w.acceptor, Up)
		w.expectUse()
		if hellos, most := w.initiator.out.count[wire.TypeHello], int(wait/HelloEvery)+4; hellos > most {
			t.Errorf("%d HELLOs in %v, want at most %d", hellos, wait, most)
		}
	}
}

func TestAcceptorMayNotSendBeforeItsAnswerHasArrived(t *testing.T) {
	w := newWorld(t, 1, wide)
	w.acceptor.out.cut = true
	w.run(1500 * ms) // its next beacon would come in half a second
	a := w.acceptor.acceptors[w.initiator.me]
	if a == nil || a.Link() == nil || a.Ready() {
		t.Fatalf("acceptor %+v, want a link that is not ready", a)
	}
	w.expect(w.initiator)
	w.acceptor.out.cut = false
	w.run(HelloEvery + 50*ms)
	if !a.Ready() {
		t.Error("the link is not ready although the answer has arrived")
	}
	w.expect(w.acceptor, Up) // once, however often it was asked for
	w.expectUse()
}

func TestAcceptorThatStartsAnewIsNoticedAtOnce(t *testing.T) {
	w := linked(t, wide)
	w.acceptor.fresh = nil
	before := w.initiator.initiator.Epoch()
	lost := w.initiator.send(wire.TypeJob, 0, 5)
	w.run(100 * ms)
	kept := w.initiator.send(wire.TypeJob, 0, 5)
	w.initiator.happened()
	w.acceptor.happened()
	w.into(w.acceptor).queue = nil
	w.acceptor.restart()
	w.run(1200 * ms) // the next HELLO is due within a second
	w.expect(w.initiator, Down, Up)
	w.expect(w.acceptor, Up)
	if over := w.initiator.initiator.Over(); over == nil || len(over.Unacknowledged()) == 0 ||
		!slices.ContainsFunc(over.Unacknowledged(), func(m *wire.Message) bool { return m.OriginSeq == kept.number }) {
		t.Error("what the link before kept is not there to be sent by another")
	}
	if after := w.initiator.initiator.Epoch(); after <= before {
		t.Errorf("epoch %d after %d", after, before)
	}
	if lost.arrived != 1 || kept.arrived != 0 {
		t.Errorf("jobs of the link before arrived %d and %d times, want 1 and 0", lost.arrived, kept.arrived)
	}
	w.expectUse()
}

// What arrived while it slept is no sign that the acceptor has not given up since.
func TestInitiatorThatHasSleptAsksUntilTheAcceptorAnswers(t *testing.T) {
	w := linked(t, wide)
	w.run(500 * ms)
	w.initiator.happened()
	w.initiator.halted = true
	const slept = 4 * second
	w.run(slept)
	if len(w.acceptor.acceptors) != 0 {
		t.Fatal("the acceptor has not given up")
	}
	w.acceptor.out.cut = true // nor is there a connection yet
	w.initiator.halted = false
	w.initiator.initiator.Excuse(slept)
	w.run(250 * ms)
	w.acceptor.out.cut = false
	w.run(HelloEvery + 50*ms)
	w.expect(w.initiator, Down, Up)
	w.expectUse()
}

func TestInitiatorThatHasSleptKeepsALinkThatIsStillThere(t *testing.T) {
	w := linked(t, wide)
	w.run(500 * ms)
	w.initiator.happened()
	w.initiator.halted = true
	w.run(second)
	w.initiator.halted = false
	w.initiator.initiator.Excuse(second)
	before := w.initiator.out.count[wire.TypeHello]
	w.run(3 * second)
	w.expect(w.initiator)
	if asked := w.initiator.out.count[wire.TypeHello] - before; asked < 3 || asked > 15 {
		t.Errorf("%d HELLOs in 3 s, want some ten more than one a second, and then no more", asked)
	}
	w.expectUse()
}

func TestAcceptorThatHasForgottenTheInitiatorIsNoticed(t *testing.T) {
	w := linked(t, wide)
	w.initiator.happened()
	// One way is cut for long enough that only the acceptor gives up.
	w.initiator.out.cut = true
	w.run(2900 * ms)
	w.acceptor.happened()
	w.run(1200 * ms)
	w.initiator.out.cut = false
	if len(w.acceptor.acceptors) != 0 {
		t.Fatal("the acceptor has not given up")
	}
	w.run(1200 * ms)
	w.expect(w.initiator, Down, Up)
	w.expectUse()
	for _, n := range []*node{w.initiator, w.acceptor} {
		if n.out.count[wire.TypeGoodbye] > 1 {
			t.Errorf("%s sent %v", n.name, n.out.count)
		}
	}
}

func TestSilenceEndsTheLinkAfterThreeSeconds(t *testing.T) {
	for _, side := range []string{"initiator", "acceptor"} {
		w := linked(t, wide)
		n := w.initiator
		if side == "acceptor" {
			n = w.acceptor
		}
		w.expect(n, Up)
		w.other(n).halted = true
		began := w.now
		w.run(1900 * ms)
		w.expect(n) // heard up to a second ago
		for len(n.log) == 0 && w.now < began+time.Minute {
			w.run(10 * ms)
		}
		w.expect(n, Down)
		if silent := w.now - began; silent > LostAfter+50*ms {
			t.Errorf("%s gave up after %v", side, silent)
		}
		w.other(n).resume()
		w.run(2 * second)
		w.expectUse()
	}
}

func TestStoppedProcessFindsOutThatItIsLate(t *testing.T) {
	// It reads the backlog of five seconds first; the other has died meanwhile.
	for _, side := range []string{"initiator", "acceptor"} {
		w := linked(t, wide)
		n := w.initiator
		if side == "acceptor" {
			n = w.acceptor
		}
		w.happenedAll()
		n.halted = true
		w.run(second)
		for range 5 {
			w.other(n).send(wire.TypeJob, 0, 0)
			w.run(50 * ms)
		}
		w.other(n).halted = true
		w.run(4 * second)
		n.resume()
		if backlog := len(w.into(n).queue); backlog < 5 {
			t.Fatalf("a backlog of %d messages", backlog)
		}
		w.run(100 * ms)
		w.expect(n, Down)
	}
}

func (w *world) happenedAll() {
	w.initiator.happened()
	w.acceptor.happened()
}

func TestGoodbyeEndsTheLinkAtOnce(t *testing.T) {
	w := linked(t, wide)
	w.happenedAll()
	w.initiator.initiator.Farewell(w.initiator.now(), "stopping")
	w.initiator.halted = true
	w.run(50 * ms)
	w.expect(w.acceptor, Down)

	w = linked(t, wide)
	w.happenedAll()
	w.acceptor.farewell()
	w.acceptor.halted = true
	w.run(50 * ms)
	w.expect(w.initiator, Down)
	w.run(second)
	if n := w.initiator.out.count[wire.TypeHello]; n < 8 {
		t.Errorf("%d HELLOs; an initiator that was left asks again every %v", n, HelloEvery)
	}
}

func TestGoodbyeOfALinkThatIsOverIsIgnored(t *testing.T) {
	w := linked(t, wide)
	w.happenedAll()
	for _, n := range []*node{w.initiator, w.acceptor} {
		stale := &wire.Message{Header: wire.Header{
			Type: wire.TypeGoodbye, Code: wire.CodeLeaving, Sender: w.other(n).me, Receiver: n.me, LinkEpoch: n.link().Epoch - 1,
		}}
		stale.SetBody(nil)
		n.receive(stale.Frames())
		stale.LinkEpoch, stale.Receiver = n.link().Epoch, n.me+5
		n.receive(stale.Frames())
		w.expect(n)
	}
	w.expectUse()
}

func TestMessagesOfAnEarlierLinkChangeNothing(t *testing.T) {
	w := linked(t, Window{Count: 3, Bytes: 1 << 20})
	for _, n := range []*node{w.initiator, w.acceptor} {
		n.fresh = nil
	}
	// One message of each kind, as it was sent on the first link.
	old := make(map[*node][][][]byte)
	for _, n := range []*node{w.initiator, w.acceptor} {
		link := n.link()
		out := link.out
		link.out = func(frames [][]byte) { old[n] = append(old[n], frames) }
		n.send(wire.TypeJob, 0, 10)
		n.send(wire.TypeResult, 0, 10)
		link.Beacon(n.now())
		gaps := &wire.Message{Header: wire.Header{Type: wire.TypeGaps}}
		gaps.SetBody(wire.AppendSpans(nil, []wire.Span{{First: 1, Last: 1}}))
		link.emit(n.now(), gaps)
		link.farewell(n.now(), "stopping")
		link.out = out
	}
	w.acceptor.acceptors[w.initiator.me].Farewell(w.acceptor.now(), "begin again")
	clear(w.acceptor.acceptors)
	w.run(second)
	if !w.joined() || w.initiator.link().Epoch != 2 {
		t.Fatal("no second link")
	}
	w.happenedAll()
	for _, n := range []*node{w.initiator, w.acceptor} {
		before := *n.link()
		for _, frames := range old[w.other(n)] {
			n.receive(frames)
		}
		after := *n.link()
		w.expect(n)
		if after.got != before.got || after.mark != before.mark || after.granted != before.granted || after.grant != before.grant ||
			after.heard != before.heard || len(after.missed) > 0 || len(after.ahead) > 0 {
			t.Errorf("%s: messages of epoch 1 made %+v of %+v", n.name, after, before)
		}
	}
	w.expectUse()
}

func TestHelloThatWasOvertakenChangesNothing(t *testing.T) {
	w := linked(t, wide)
	w.initiator.initiator.restart()
	w.run(second)
	w.happenedAll()
	before := w.acceptor.link()
	for _, receiver := range []wire.Incarnation{0, w.acceptor.me} {
		stale := &wire.Message{Header: wire.Header{
			Type: wire.TypeHello, Sender: w.initiator.me, Receiver: receiver, LinkEpoch: before.Epoch - 1,
		}}
		stale.SetBody(nil)
		w.acceptor.receive(stale.Frames())
	}
	w.run(second)
	w.expect(w.acceptor)
	w.expect(w.initiator)
	if w.acceptor.link() != before {
		t.Error("the acceptor has gone back to the link before")
	}
	w.expectUse()
}

func TestAnotherIncarnationsAnswerEndsTheLink(t *testing.T) {
	// It took the HELLO that the one before did not live to read.
	w := linked(t, wide)
	w.happenedAll()
	epoch := w.initiator.link().Epoch
	answer := &wire.Message{Header: wire.Header{
		Type: wire.TypeBeacon, Sender: w.acceptor.me + 1, Receiver: w.initiator.me, LinkEpoch: epoch, LinkAck: 1 << 40,
	}}
	answer.SetBody(nil)
	kept := w.initiator.send(wire.TypeJob, 0, 0)
	w.initiator.receive(answer.Frames())
	w.expect(w.initiator, Down)
	if i := w.initiator.initiator; i.Epoch() <= epoch || len(i.Over().Unacknowledged()) != 1 || i.Over().Unacknowledged()[0] != kept.msg {
		t.Errorf("epoch %d after %d, the link before keeps %d messages", i.Epoch(), epoch, len(i.Over().Unacknowledged()))
	}
}

func TestInitiatorIsToldThatItsLinkIsNotKnown(t *testing.T) {
	for _, joined := range []bool{false, true} {
		w := newWorld(t, 1, wide)
		w.acceptor.halted = !joined
		w.run(second)
		w.happenedAll()
		epoch := w.initiator.initiator.Epoch()
		m := &wire.Message{Header: wire.Header{
			Type: wire.TypeGoodbye, Code: wire.CodeUnknownLink, Sender: w.acceptor.me, Receiver: w.initiator.me, LinkEpoch: epoch,
		}}
		m.SetBody(nil)
		w.initiator.out.queue = nil
		w.initiator.receive(m.Frames())
		if joined {
			w.expect(w.initiator, Down)
		} else {
			w.expect(w.initiator)
		}
		hello, err := wire.Decode(w.initiator.out.queue[0].frames)
		if err != nil || hello.Type != wire.TypeHello || hello.LinkEpoch <= epoch || hello.Receiver != 0 {
			t.Errorf("joined %t: answered by %+v, %v, want a HELLO for a new link", joined, hello, err)
		}
	}
}

func TestInitiatorThatStartsAnewHasALinkOfItsOwn(t *testing.T) {
	w := linked(t, wide)
	w.happenedAll()
	first := w.initiator.me
	w.initiator.restart()
	w.run(500 * ms)
	w.expect(w.acceptor, Up)
	w.expectUse()
	if len(w.acceptor.acceptors) != 2 {
		t.Errorf("%d initiators are known, want the old one as well until it is silent for %v", len(w.acceptor.acceptors), LostAfter)
	}
	w.run(LostAfter)
	if _, ok := w.acceptor.acceptors[first]; ok || len(w.acceptor.acceptors) != 1 {
		t.Error("the old one is still there")
	}
	w.expect(w.acceptor, Down)
	w.expectUse()
}

func TestAcceptorThatWasNeverAskedForALinkEnds(t *testing.T) {
	a := NewAcceptor(here, there, wide, second, func([][]byte) {})
	if a.Poll(second+LostAfter-1) != None || a.Wake() != second+LostAfter || a.Poll(second+LostAfter) != Down {
		t.Error("an acceptor without a link does not end after three seconds")
	}
}

func TestDrainingIsSaidAtOnceAndOnEveryLinkAfterwards(t *testing.T) {
	w := linked(t, wide)
	flags := make(map[*node]uint16)
	watch := func() {
		for _, n := range []*node{w.initiator, w.acceptor} {
			if p := w.into(n); len(p.queue) > 0 {
				if m, err := wire.Decode(p.queue[len(p.queue)-1].frames); err == nil {
					flags[n] = m.Flags
				}
			}
		}
	}
	w.initiator.initiator.Drain(w.initiator.now())
	w.acceptor.acceptors[w.initiator.me].Drain(w.acceptor.now())
	watch()
	if flags[w.initiator] != wire.FlagDraining || flags[w.acceptor] != wire.FlagDraining {
		t.Errorf("flags %v, want all draining", flags)
	}
	// The acceptor gives the link up; the initiator's next one drains from its first HELLO on.
	clear(w.acceptor.acceptors)
	w.initiator.initiator.restart()
	if watch(); flags[w.acceptor] != wire.FlagDraining {
		t.Error("the HELLO of the next link does not say so")
	}
	w.run(second)
	if !w.joined() || w.initiator.link().Flags != wire.FlagDraining {
		t.Error("the next link does not say so")
	}
}

func TestAcceptorKeepsDrainingOnItsNextLink(t *testing.T) {
	w := linked(t, wide)
	w.acceptor.acceptors[w.initiator.me].Drain(w.acceptor.now())
	w.initiator.initiator.restart()
	w.run(second)
	if !w.joined() || w.acceptor.link().Flags != wire.FlagDraining {
		t.Error("the next link does not say so")
	}
}

func TestAnnouncementsGoOutAtOnce(t *testing.T) {
	for _, joined := range []bool{false, true} {
		w := newWorld(t, 1, wide)
		w.acceptor.halted = !joined
		w.run(second)
		said := "changed"
		w.initiator.initiator.announce = func() []byte { return []byte(said) }
		if joined {
			w.initiator.link().announce = w.initiator.initiator.announce
		}
		w.initiator.initiator.Announce(w.initiator.now())
		p := w.into(w.acceptor)
		m, err := wire.Decode(p.queue[len(p.queue)-1].frames)
		if err != nil || m.Type != wire.TypeHello || string(m.Body) != said {
			t.Errorf("joined %t: sent %+v, %v", joined, m, err)
		}
	}
}

func TestEpochsTellTheLinksOfOneProcessApart(t *testing.T) {
	// A frontend hears all brokers on one socket.
	var epochs Epochs
	var list []*Initiator
	seen := make(map[uint32]bool)
	for range 3 {
		list = append(list, NewInitiator(here, &epochs, wide, func() []byte { return nil }, func([][]byte) {}))
	}
	for range 10 {
		for _, i := range list {
			if i.Epoch() == 0 || seen[i.Epoch()] {
				t.Fatalf("epoch %d is given out twice", i.Epoch())
			}
			seen[i.Epoch()] = true
			i.restart()
		}
	}
}
