package jobtest

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

func decode(t *testing.T, frames [][]byte) *wire.Message {
	t.Helper()
	m, err := wire.Decode(frames)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func request() *wire.Message {
	return &wire.Message{Header: wire.Header{Type: wire.TypeJob}, Meta: wire.Meta{Function: "echo"}}
}

var about = About{Job: wire.JobID{1, 2}, OriginSeq: 7, OriginOpen: 6, Assignment: 5}

// isAbout checks that a message says what an End was to write.
func isAbout(t *testing.T, m *wire.Message) {
	t.Helper()
	if m.Job != about.Job || m.OriginSeq != 7 || m.OriginOpen != 6 || m.Assignment != 5 || string(m.Body) != "body" || m.CheckBody() != nil {
		t.Errorf("%+v is not about %+v", m, about)
	}
}

func TestAnInitiatingEndHasALinkWithAnAcceptor(t *testing.T) {
	now := time.Second
	e := &End{Me: 5}
	a := job.NewAcceptor(9, 5, job.Window{Count: 10, Bytes: 1 << 20}, now, func(frames [][]byte) { e.Take(frames) })
	if a.Receive(now, decode(t, e.Hello(now, nil))) != job.Up {
		t.Fatal("its HELLO begins no link")
	}
	a.Receive(now, decode(t, e.Hello(now, nil)))
	if !a.Ready() || !a.Link().Room() {
		t.Fatal("it has not shown that it knows the link, or has granted no credit")
	}
	form := NewForm(request(), []byte("body"))
	for n := uint64(1); n <= 20; n++ {
		m := decode(t, e.Say(now, form, about))
		if a.Receive(now, m) != job.Fresh || m.LinkSeq != n {
			t.Fatalf("its message %d is not taken", n)
		}
		isAbout(t, m)
		a.Link().Settle(m.Size())
		a.Link().Send(now, request())
	}
	a.Receive(now, decode(t, e.Say(now, form, about)))
	if n := len(a.Link().Unacknowledged()); n != 0 {
		t.Errorf("it has left %d messages unacknowledged", n)
	}
}

func TestAnAcceptingEndHasALinkWithAnInitiator(t *testing.T) {
	now := time.Second
	e := &End{Me: 9}
	kinds := map[wire.Type]int{}
	var last About
	var epochs job.Epochs
	i := job.NewInitiator(5, &epochs, job.Window{Count: 10, Bytes: 1 << 20}, func() []byte { return nil }, func(frames [][]byte) {
		var kind wire.Type
		kind, last = e.Take(frames)
		kinds[kind]++
	})
	i.Poll(now)
	if i.Receive(now, decode(t, e.Beacon(now))) != job.Up || !i.Link().Room() {
		t.Fatal("its BEACON begins no link, or grants no credit")
	}
	m := request()
	m.Job, m.OriginSeq, m.OriginOpen, m.Assignment = about.Job, about.OriginSeq, about.OriginOpen, about.Assignment
	m.SetBody(nil)
	i.Link().Send(now, m)
	if kinds[wire.TypeHello] != 2 || kinds[wire.TypeJob] != 1 || last != about {
		t.Errorf("it has heard %v, the last about %+v", kinds, last)
	}
	r := decode(t, e.Say(now, NewForm(request(), []byte("body")), about))
	if i.Receive(now, r) != job.Fresh || len(i.Link().Unacknowledged()) != 0 || !i.Link().Trusted(now) {
		t.Error("its message is not taken, acknowledges nothing, or does not say what was heard")
	}
	isAbout(t, r)
}
