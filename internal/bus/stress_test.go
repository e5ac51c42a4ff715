package bus

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
)

// A lost wake-up stalls a link until something else happens on it: with a
// window of messages in flight and nothing else going on, until a heartbeat or
// for ever. Three hosts in a row pass a hundred thousand requests to the last
// and the answers back, both ways over the same sockets, in windows from one
// to many.
func TestNoWakeUpIsLost(t *testing.T) {
	total := 100_000
	if testing.Short() {
		total = 5_000
	}
	for _, transport := range []string{"inproc", "tcp"} {
		t.Run(transport, func(t *testing.T) { stress(t, endpoints(t)[transport], total) })
	}
}

func stress(t *testing.T, endpoint string, total int) {
	const longest = 2 * time.Second // between two answers
	windows := []int{1, 2, 7, 64, 300}

	ctx := newContext(t)
	last := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
	last.m.onReceive = func(_ role.Time, p role.Packet) { last.m.send(linkIn, p.Peer, p.Frames...) }
	lastAddr := last.bind(linkIn, endpoint)

	middle := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}, linkOut: {Kind: Dealer}})
	middleAddr := middle.bind(linkIn, "inproc://middle")
	if endpoint[:3] == "tcp" {
		middleAddr = middle.bind(linkIn, endpoint)
	}
	peer := ""
	middle.m.onReceive = func(_ role.Time, p role.Packet) {
		if p.Link == linkIn {
			peer = p.Peer
			middle.m.send(linkOut, "", p.Frames...)
		} else {
			middle.m.send(linkIn, peer, p.Frames...)
		}
	}

	first := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}})
	finished := make(chan struct{})
	var sent, received, window int
	var lastAnswer, gap role.Time
	fill := func() {
		for window = windows[received%len(windows)]; sent < total && sent-received < window; sent++ {
			first.m.send(linkOut, "", binary.BigEndian.AppendUint32(nil, uint32(sent)), []byte("body"))
		}
	}
	first.m.onReceive = func(now role.Time, p role.Packet) {
		if n := int(binary.BigEndian.Uint32(p.Frames[0])); n != received {
			t.Errorf("answer %d came as the %dth", n, received)
		}
		gap, lastAnswer = max(gap, now-lastAnswer), now
		received++
		if sent == received { // a window is through
			fill()
		}
		if received == total {
			close(finished)
		}
	}
	last.start()
	middle.start()
	first.start()
	middle.do(func() { middle.m.dial(linkOut, "", lastAddr) })
	first.do(func() {
		first.m.dial(linkOut, "", middleAddr)
		lastAnswer = first.Now()
		fill()
	})

	for before, now := -1, 0; ; before = now {
		select {
		case <-finished:
			first.do(func() {
				if gap > longest {
					t.Errorf("there were %v between two answers", gap)
				}
			})
			return
		case <-time.After(longest):
			if first.do(func() { now = received }); now == before {
				t.Fatalf("stalled after %d of %d answers", now, total)
			}
		}
	}
}

func TestManyFramesAreDroppedAndTheNextMessageIsNot(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		links := map[role.Link]LinkSpec{linkIn: {Kind: Pull}, linkAux: {Kind: Router}}
		r := newRig(t, ctx, links)
		addr := r.bind(linkIn, endpoint)
		routerAddr := r.bind(linkAux, "inproc://router")
		packets := r.inbound()
		r.start()
		sender := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}, linkAux: {Kind: Dealer}}).start()
		sender.do(func() {
			sender.m.dial(linkOut, "", addr)
			sender.m.dial(linkAux, "", routerAddr)
		})
		sender.until("connected", sender.connected(linkOut, ""))
		for _, link := range []role.Link{linkOut, linkAux} {
			for _, frames := range []int{1000, maxFrames + 1, maxFrames, 1000, 1} {
				sender.do(func() { sender.m.send(link, "", make([][]byte, frames)...) })
			}
			for _, want := range []int{maxFrames, 1} {
				p := r.awaitPacket(packets, "a packet of fair size")
				if len(p.Frames) != want {
					t.Errorf("received %d frames, want %d", len(p.Frames), want)
				}
			}
		}
		r.do(func() {})
		for _, s := range r.Stats() {
			if s.ReceivedMessages != 2 {
				t.Errorf("%s: counted %d messages, want 2", s.Name, s.ReceivedMessages)
			}
		}
		r.do(func() {
			if len(r.m.malformed) != 6 || !strings.Contains(r.m.malformed[0], "more than 16 frames") {
				t.Errorf("the machine is told of %q, want three messages of too many frames on each link", r.m.malformed)
			}
		})
	})
}

// What has gone beyond a bound has a sender who may wait for an answer.
func TestWhatGoesBeyondABoundIsToldWithItsSenderAndItsBeginning(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		r := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router, MaxMessage: 1000}})
		addr := r.bind(linkIn, endpoint)
		packets := r.inbound()
		r.start()
		req := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Req}})
		answers := req.inbound()
		req.start()
		req.do(func() { req.m.dial(linkOut, "", addr) })
		for i, message := range [][][]byte{make([][]byte, 100), {[]byte("RESULT"), make([]byte, 1001), []byte("text")}} {
			req.do(func() { req.m.send(linkOut, "", message...) })
			r.until("it is told of", func() bool { return len(r.m.exceeded) > i })
			r.do(func() {
				got := r.m.exceeded[i]
				if want := []int{maxFrames, 2}[i]; got.Link != linkIn || len(got.Frames) != want || len(got.Frames[0]) != 0 {
					t.Errorf("%d frames of link %d, want the first %d, of which one is empty", len(got.Frames), got.Link, want)
				}
				r.m.send(linkIn, got.Peer, nil, []byte("ERROR"))
			})
			if p := req.awaitPacket(answers, "the answer"); string(p.Frames[0]) != "ERROR" {
				t.Errorf("answered %q", p.Frames)
			}
		}
		nothing(t, packets)
	})
}

func TestAnOversizeFrameIsRefused(t *testing.T) {
	for _, transport := range []string{"ipc", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			ctx := newContext(t)
			pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull, MaxMessage: 1000}})
			addr := pull.bind(linkIn, endpoints(t)[transport])
			packets := pull.inbound()
			pull.start()
			push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
			push.do(func() { push.m.dial(linkOut, "", addr) })
			push.until("connected", push.connected(linkOut, ""))
			for _, frames := range [][][]byte{{make([]byte, 1001)}, {make([]byte, 600), make([]byte, 600)}} {
				push.do(func() { push.m.send(linkOut, "", frames...) })
			}
			pull.until("two are counted", func() bool { return len(pull.m.malformed) == 2 })
			pull.do(func() {
				for _, m := range pull.m.malformed {
					if !strings.Contains(m, "more than 1000 bytes") {
						t.Errorf("the machine is told of %q", m)
					}
				}
			})
			push.do(func() { push.m.send(linkOut, "", make([]byte, 2001)) })
			// The connection is closed; libzmq makes a new one by itself.
			push.until("disconnected", func() bool { return !push.connected(linkOut, "")() })
			push.until("connected again", push.connected(linkOut, ""))
			push.do(func() { push.m.send(linkOut, "", make([]byte, 1000)) })
			if p := pull.awaitPacket(packets, "a packet of fair size"); len(p.Frames[0]) != 1000 {
				t.Errorf("received %d bytes", len(p.Frames[0]))
			}
			nothing(t, packets)
		})
	}
}

func TestAConnectionThatSpeaksNoZeroMQIsCounted(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			pull := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}, linkAux: {Kind: Router}})
			for _, link := range []role.Link{linkIn, linkAux} {
				transport := map[string]string{"tcp": "tcp", "unix": "ipc"}[network]
				addr := pull.bind(link, endpoints(t)[transport])
				_, addr, _ = strings.Cut(addr, "://")
				for range 3 {
					conn, err := net.Dial(network, addr)
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: somebody\r\nAccept: everything\r\n\r\n")); err != nil {
						t.Fatal(err)
					}
				}
			}
			pull.start()
			pull.until("all are counted", func() bool { return len(pull.m.malformed) >= 6 })
			counts := make(map[string]int)
			var told []string
			pull.do(func() { told = slices.Clone(pull.m.malformed) })
			for _, m := range told {
				link, _, _ := strings.Cut(m, ":")
				if counts[link]++; !strings.Contains(m, "does not speak ZeroMQ's protocol") {
					t.Errorf("the machine is told of %q", m)
				}
			}
			if want := map[string]int{fmt.Sprint(linkIn): 3, fmt.Sprint(linkAux): 3}; !maps.Equal(counts, want) {
				t.Errorf("counted by link: %v, want %v", counts, want)
			}
		})
	}
}
