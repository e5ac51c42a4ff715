package bus

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// batching makes a rig whose link sends and takes batches.
func batching(t *testing.T, ctx *Context, link role.Link, kind Kind) *rig {
	r := newRig(t, ctx, map[role.Link]LinkSpec{link: {Kind: kind, Batches: true}})
	r.m.batch = true
	return r
}

// raw opens a plain ZeroMQ socket, which gets messages as they are on the wire,
// and binds it.
func raw(t *testing.T, kind zmq.Type, endpoint string) (s *zmq.Socket, addr string) {
	t.Helper()
	s, err := zmq.NewSocket(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := errors.Join(s.SetRcvtimeo(patience), s.SetLinger(0), s.Bind(endpoint)); err != nil {
		t.Fatal(err)
	}
	if addr, err = s.GetLastEndpoint(); err != nil {
		t.Fatal(err)
	}
	return s, addr
}

func TestWhatIsSentInOneTurnTravelsInOneMessage(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		if strings.HasPrefix(endpoint, "inproc") {
			t.Skip("a socket of another context is not there")
		}
		ctx := newContext(t)
		pull, addr := raw(t, zmq.PULL, endpoint)
		push := batching(t, ctx, linkOut, Push).start()
		push.do(func() { push.m.dial(linkOut, "", addr) })
		push.until("connected", push.connected(linkOut, ""))
		push.do(func() {
			for i := range 10 {
				push.m.send(linkOut, "", texts(fmt.Sprint(i), "body")...)
			}
		})
		frames, err := pull.RecvMessageBytes(0)
		if err != nil || len(frames) != 1 || bytes.Count(frames[0], []byte("body")) != 10 {
			t.Errorf("one turn's packets came as %q, %v", frames, err)
		}
		push.do(func() { push.m.send(linkOut, "", texts("later", "body")...) })
		if frames, err = pull.RecvMessageBytes(0); err != nil || len(frames) != 1 || !bytes.Contains(frames[0], []byte("later")) {
			t.Errorf("the next turn's packet came as %q, %v", frames, err)
		}
	})
}

func TestPacketsArriveInOrderWhateverTheirSizes(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		router := batching(t, ctx, linkIn, Router)
		addr := router.bind(linkIn, endpoint)
		router.m.onReceive = func(_ role.Time, p role.Packet) { router.m.send(linkIn, p.Peer, p.Frames...) }
		router.start()
		dealer := batching(t, ctx, linkOut, Dealer)
		echoed := dealer.inbound()
		dealer.start()
		dealer.do(func() { dealer.m.dial(linkOut, "", addr) })

		var sent [][][]byte
		for i, size := range []int{0, 10, batchPacket - 10, batchPacket, 1, 100_000, 0, 3} {
			for range 20 { // more than one batch of each
				sent = append(sent, [][]byte{fmt.Appendf(nil, "%d", i), bytes.Repeat([]byte{byte(i)}, size), {}})
			}
		}
		dealer.do(func() {
			for _, frames := range sent {
				dealer.m.send(linkOut, "", frames...)
			}
		})
		for i, want := range sent {
			p := dealer.awaitPacket(echoed, fmt.Sprintf("packet %d", i))
			if !slices.EqualFunc(p.Frames, want, bytes.Equal) {
				t.Fatalf("packet %d came back as %d frames that begin with %.10q, want %.10q", i, len(p.Frames), p.Frames[0], want[0])
			}
		}
		dealer.do(func() {}) // the counters are in place
		if s := dealer.Stats()[0]; s.SentMessages != uint64(len(sent)) || s.ReceivedMessages != s.SentMessages || s.SentBytes != s.ReceivedBytes {
			t.Errorf("%d packets were counted as %+v", len(sent), s)
		}
	})
}

func TestATopicsPacketsTravelTogetherAndReachItsSubscribersAlone(t *testing.T) {
	ctx := newContext(t)
	pub := batching(t, ctx, linkOut, Pub)
	addr := pub.bind(linkOut, endpoints(t)["tcp"])
	subscriptions := pub.inbound()
	pub.start()
	heard := map[string]<-chan role.Packet{}
	for _, topic := range []string{"queueA/", "queueB/"} {
		sub := batching(t, ctx, linkIn, Sub)
		heard[topic] = sub.inbound()
		sub.start()
		sub.do(func() {
			sub.m.dial(linkIn, "", addr)
			sub.m.subscribe(linkIn, "", topic)
		})
		wantFrames(t, pub.awaitPacket(subscriptions, "a subscription"), "\x01"+topic)
	}
	pub.do(func() {
		for i := range 3 {
			for topic := range heard {
				pub.m.send(linkOut, "", texts(topic, fmt.Sprint(i), "job")...)
			}
		}
	})
	for topic, packets := range heard {
		for i := range 3 {
			wantFrames(t, await(t, packets, "a job"), topic, fmt.Sprint(i), "job")
		}
	}
}

func TestPacketsForAPeerThatIsGoneComeBackOneByOne(t *testing.T) {
	ctx := newContext(t)
	router := batching(t, ctx, linkIn, Router)
	router.bind(linkIn, endpoints(t)["tcp"])
	returned := make(chan role.Packet, 10)
	router.m.onUnreachable = func(p role.Packet) { returned <- p }
	router.start()
	router.do(func() {
		router.m.send(linkIn, "gone", texts("one", "body")...)
		router.m.send(linkIn, "gone", texts("two", "body")...)
	})
	for _, want := range []string{"one", "two"} {
		p := await(t, returned, "a packet that could not be sent")
		if wantFrames(t, p, want, "body"); p.Peer != "gone" {
			t.Errorf("it was for %q", p.Peer)
		}
	}
	router.do(func() {})
	if n := router.Stats()[0].Unreachable; n != 2 {
		t.Errorf("%d were counted", n)
	}
}

// REQ sockets and Majordomo workers know nothing of batches.
func TestWhatIsNotForAPartTravelsByItself(t *testing.T) {
	ctx := newContext(t)
	pull, addr := raw(t, zmq.PULL, endpoints(t)["tcp"])
	push := batching(t, ctx, linkOut, Push).start()
	push.do(func() { push.m.dial(linkOut, "", addr) })
	push.until("connected", push.connected(linkOut, ""))
	push.do(func() {
		push.m.send(linkOut, "", texts("first")...)
		push.m.batch = false
		push.m.send(linkOut, "", texts("PROB", "", "MDPW01")...)
		push.m.batch = true
		push.m.send(linkOut, "", texts("last")...)
	})
	for _, want := range []string{"first", "MDPW01", "last"} {
		frames, err := pull.RecvMessage(0)
		if err != nil || !strings.HasSuffix(frames[len(frames)-1], want) || (want == "MDPW01") != (len(frames) == 3) {
			t.Errorf("got %q, %v, want %s", frames, err, want)
		}
	}
}

// A queue probes REQ workers that are busy: with a message that their sockets throw
// away, as it does not begin with an empty frame.
func TestAREQSocketThrowsAwayAProbe(t *testing.T) {
	ctx := newContext(t)
	router := batching(t, ctx, linkIn, Router)
	router.m.batch = false
	addr := router.bind(linkIn, endpoints(t)["tcp"])
	asked := router.inbound()
	router.start()
	req := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Req}})
	replies := req.inbound()
	req.start()
	req.do(func() {
		req.m.dial(linkOut, "", addr)
		req.m.send(linkOut, "", []byte("READY"))
	})
	peer := await(t, asked, "the request").Peer
	router.do(func() {
		router.m.send(linkIn, peer, texts("PROB", "", "x")...)
		router.m.send(linkIn, peer, texts("", "JOB")...)
	})
	wantFrames(t, await(t, replies, "the reply behind a probe"), "JOB")
}

func TestABrokenBatchIsCountedAndChangesNothing(t *testing.T) {
	ctx := newContext(t)
	push, addr := raw(t, zmq.PUSH, endpoints(t)["tcp"])
	pull := batching(t, ctx, linkIn, Pull)
	packets := pull.inbound()
	pull.start()
	pull.do(func() { pull.m.dial(linkIn, "", addr) })
	good := "\x01\x00\x00\x00\x02ok"
	broken := []string{
		good + "\x00",
		good + "\x11" + strings.Repeat("\x00\x00\x00\x00", 17),
		good + "\x01\x00\x00",
		good + "\x01\x00\x00\x00\x03no",
		good + "\x02\x00\x00\x00\x02no",
		good + "\x01\xff\xff\xff\xffno",
		strings.Repeat(good, batchPackets+1),
		"\x01\x00\x01\x40\x00" + strings.Repeat("x", maxBatch),
		"",
	}
	for _, b := range broken {
		if _, err := push.SendMessage("fb\x01" + b); err != nil {
			t.Fatal(err)
		}
	}
	for _, whole := range []string{"fb\x01" + good, "fb\x02" + good, "fb"} {
		if _, err := push.SendMessage(whole); err != nil {
			t.Fatal(err)
		}
	}
	wantFrames(t, await(t, packets, "what is in a whole batch"), "ok")
	wantFrames(t, await(t, packets, "what is no batch"), "fb\x02"+good)
	wantFrames(t, await(t, packets, "what is no batch"), "fb")
	pull.do(func() {
		if len(pull.m.malformed) != len(broken) {
			t.Errorf("%d broken batches were counted as %q", len(broken), pull.m.malformed)
		}
	})
}

func TestAHostKeepsLittleMemoryForBatches(t *testing.T) {
	ctx := newContext(t)
	r := batching(t, ctx, linkIn, Router)
	r.bind(linkIn, endpoints(t)["tcp"])
	r.start()
	r.do(func() {
		for i := range 10 * keepBatches {
			r.m.send(linkIn, fmt.Sprint("peer ", i), bytes.Repeat([]byte("x"), batchPacket))
		}
		for range 1000 {
			r.m.send(linkIn, "peer", bytes.Repeat([]byte("x"), batchPacket))
		}
	})
	r.do(func() {
		if n := len(r.batches.spare); n != keepBatches || len(r.batches.open) != 0 || cap(r.batches.order) > keepBatches {
			t.Errorf("%d batches are kept, %d are open, room for %d", n, len(r.batches.open), cap(r.batches.order))
		}
		for _, o := range r.batches.spare {
			if cap(o.frame) > 2*maxBatch || cap(o.packets) > 2*batchPackets {
				t.Errorf("a batch has room for %d bytes and %d packets", cap(o.frame), cap(o.packets))
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("fb\x01\x01\x00\x00\x00\x02ok"), false)
	f.Add([]byte("fb\x01\x02\x00\x00\x00\x00\x00\x00\x00\x01x\x01\x00\x00\x00\x00"), true)
	f.Fuzz(func(t *testing.T, batch []byte, topical bool) {
		l := &link{LinkSpec: LinkSpec{Kind: Pull, Batches: true}}
		frames := [][]byte{batch}
		if topical {
			l.Kind, frames = Sub, [][]byte{[]byte("topic"), batch}
		}
		if l.batchIn(frames) == nil {
			return
		}
		packets, err := l.split(role.Packet{Frames: frames}, batch, nil)
		if err != nil {
			return
		}
		s := &socket{link: l}
		var again batches
		var o *outgoing
		for _, p := range packets {
			if !l.Kind.fitsBatch(p) {
				return // made by nobody
			}
			o, _ = again.add(s.batch(p), p)
		}
		if !bytes.Equal(o.frame, batch) || !slices.EqualFunc(o.message(), frames, bytes.Equal) {
			t.Errorf("%q was split and put together as %q", frames, o.message())
		}
	})
}
