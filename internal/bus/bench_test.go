package bus

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"faasd/internal/role"
)

// BenchmarkRoundTrip passes messages to and fro between two hosts, PUSH to
// PULL in each direction, with a number of them in flight, in batches as jobs travel.
// One operation is a round trip: two hops.
func BenchmarkRoundTrip(b *testing.B) {
	for _, transport := range []string{"inproc", "ipc", "tcp"} {
		for _, inFlight := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/inflight=%d", transport, inFlight), func(b *testing.B) {
				benchRoundTrip(b, transport, inFlight)
			})
		}
	}
}

func benchRoundTrip(b *testing.B, transport string, inFlight int) {
	ctx := newContext(b)
	ends := make([]*rig, 2)
	addrs := make([]string, 2)
	for i := range ends {
		ends[i] = newRig(b, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull, Batches: true}, linkOut: {Kind: Push, Batches: true}})
		ends[i].m.batch = true
		addrs[i] = ends[i].bind(linkIn, endpoints(b)[transport]+map[bool]string{true: fmt.Sprint(i)}[transport != "tcp"])
	}
	body := make([]byte, 24)
	header := make([]byte, 100)
	finished := make(chan struct{})
	started, returned := 0, 0
	near, far := ends[0], ends[1]
	far.m.onReceive = func(_ role.Time, p role.Packet) { far.m.send(linkOut, "", p.Frames...) }
	near.m.onReceive = func(_ role.Time, p role.Packet) {
		if returned++; returned == b.N {
			close(finished)
		}
		if started < b.N {
			started++
			near.m.send(linkOut, "", p.Frames...)
		}
	}
	near.start()
	far.start()
	near.do(func() { near.m.dial(linkOut, "", addrs[1]) })
	far.do(func() { far.m.dial(linkOut, "", addrs[0]) })
	near.until("the hosts are connected", near.connected(linkOut, ""))
	far.until("the hosts are connected", far.connected(linkOut, ""))
	defer costs(b)()
	near.Do(func(role.Time) {
		for range min(inFlight, b.N) {
			started++
			near.m.send(linkOut, "", header, body)
		}
	})
	<-finished
}

// BenchmarkRequest is what an HTTP frontend does: many goroutines, each of
// which hands a request to the host with Do, and waits for the answer that
// another host sends back.
func BenchmarkRequest(b *testing.B) {
	for _, transport := range []string{"inproc", "ipc", "tcp"} {
		for _, clients := range []int{1, 32, 128} {
			b.Run(fmt.Sprintf("%s/clients=%d", transport, clients), func(b *testing.B) {
				benchRequest(b, transport, clients)
			})
		}
	}
}

func benchRequest(b *testing.B, transport string, clients int) {
	ctx := newContext(b)
	far := newRig(b, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
	near := newRig(b, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}})
	addr := far.bind(linkIn, endpoints(b)[transport])
	far.m.onReceive = func(_ role.Time, p role.Packet) { far.m.send(linkIn, p.Peer, p.Frames...) }
	answers := make([]chan struct{}, clients)
	for i := range answers {
		answers[i] = make(chan struct{}, 1)
	}
	near.m.onReceive = func(_ role.Time, p role.Packet) {
		answers[binary.BigEndian.Uint32(p.Frames[0])] <- struct{}{}
	}
	far.start()
	near.start()
	near.do(func() { near.m.dial(linkOut, "", addr) })

	var left atomic.Int64
	left.Store(int64(b.N))
	body := make([]byte, 24)
	var wg sync.WaitGroup
	defer costs(b)()
	for i := range clients {
		header := binary.BigEndian.AppendUint32(nil, uint32(i))
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				near.Do(func(role.Time) { near.m.send(linkOut, "", header, body) })
				<-answers[i]
			}
		})
	}
	wg.Wait()
}

// costs begins to measure, and returns what ends that and reports, beside the time,
// the allocations and the processors' time of one operation: much is done by ZeroMQ's
// threads and the kernel, on other processors.
func costs(b *testing.B) (end func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	return func() {
		b.StopTimer()
		b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	}
}

// cpu is the processors' time that this process has had.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut publishes states as a coordinator does, each to many subscribers.
// One operation is one message, to all of them; window of them are under way.
func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{3, 30} {
		b.Run(fmt.Sprintf("tcp/subscribers=%d", subscribers), func(b *testing.B) { benchFanOut(b, subscribers) })
	}
}

func benchFanOut(b *testing.B, subscribers int) {
	const window = 100
	ctx := newContext(b)
	hub := newRig(b, ctx, map[role.Link]LinkSpec{linkOut: {Kind: XPub}})
	addr := hub.bind(linkOut, endpoints(b)["tcp"])
	subscribed := 0
	hub.m.onReceive = func(role.Time, role.Packet) { subscribed++ }
	hub.start()
	var received atomic.Int64 // of all
	arrived := make(chan struct{}, window)
	for range subscribers {
		s := newRig(b, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}})
		s.m.onReceive = func(role.Time, role.Packet) {
			if received.Add(1)%int64(subscribers) == 0 {
				arrived <- struct{}{}
			}
		}
		s.start()
		s.do(func() {
			s.m.dial(linkIn, "", addr)
			s.m.subscribe(linkIn, "", "state/")
		})
	}
	hub.until("all have subscribed", func() bool { return subscribed == subscribers })
	topic, value := []byte("state/queue/queueA/6039f64a1f90b4db/"), make([]byte, 500)
	defer costs(b)()
	for n := range b.N {
		if n >= window {
			<-arrived
		}
		hub.Do(func(role.Time) { hub.m.send(linkOut, "", topic, value) })
	}
	for range min(window, b.N) {
		<-arrived
	}
}
