package frontend

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// A pond is a frontend whose one broker answers echo at a steady rate, the
// oldest first.
type pond struct {
	*stage
	line []*wire.Message
	owed float64
	rate float64 // answers a second
	lost bool    // every second job hangs somewhere
}

func newPond(t *testing.T, rate float64) *pond {
	return &pond{stage: newStageWith(t, 1, job.Window{Count: 1 << 16, Bytes: 1 << 30}), rate: rate}
}

// pour lets time pass with so many requests a second, and returns how many of
// them were accepted and how many refused.
func (p *pond) pour(d time.Duration, asked float64, q Request) (accepted, refused int) {
	due := 0.0
	for end := p.now + d; p.now < end; {
		p.run(20 * ms)
		for due += asked / 50; due >= 1; due-- {
			switch c := p.askWith(q); c.why {
			case Accepted:
				accepted++
			case Full:
				refused++
			default:
				p.t.Fatalf("refusal %d", c.why)
			}
		}
		for _, m := range p.brokers[0].took(wire.TypeJob) {
			if !p.lost || m.OriginSeq%2 == 0 {
				p.line = append(p.line, m)
			}
		}
		for p.owed += p.rate / 50; p.owed >= 1; p.owed-- {
			if len(p.line) > 0 {
				p.brokers[0].answer(p.line[0], nil)
				p.line = p.line[1:]
			}
		}
	}
	return accepted, refused
}

func (p *pond) opened() int { return len(p.m.open) }

var patient = Request{Function: "echo", Timeout: time.Minute}

func TestWhatIsOpenDrainsWithinTheLongestWait(t *testing.T) {
	for _, c := range []struct {
		name        string
		rate, asked float64
		most, least int // open in the end
		refused     bool
	}{
		{"it keeps up", 2000, 1900, 256, 0, false},
		{"a flood of a fast function", 2000, 6000, 2100, 1800, true},
		{"hundreds may wait for a slow one", 10, 200, 256, 250, true},
		{"and for one that answers nothing", 0, 400, 256, 256, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPond(t, c.rate)
			p.pour(3*time.Second, c.asked, patient) // more than it should wait may have come at first
			for range 40 {
				if p.opened() <= c.most {
					break
				}
				p.pour(time.Second, c.asked, patient)
			}
			if c.rate > 0 {
				for p.opened() > c.most { // a slow one takes its time
					p.pour(time.Second, 0, patient)
				}
			}
			_, refused := p.pour(time.Second, c.asked, patient)
			if n := p.opened(); n < c.least || n > c.most && c.rate > 0 || (refused > 0) != c.refused {
				t.Errorf("%d are open in the end and %d were refused, want %d to %d", n, refused, c.least, c.most)
			}
		})
	}
}

func TestAfterAFloodRequestsAreAcceptedAgain(t *testing.T) {
	p := newPond(t, 1000)
	if _, refused := p.pour(5*time.Second, 5000, patient); refused == 0 {
		t.Fatal("the flood was not refused")
	}
	p.pour(p.m.cfg.MaxWait+200*ms, 500, patient)
	if _, refused := p.pour(time.Second, 500, patient); refused > 0 {
		t.Errorf("%d are refused of what can be answered", refused)
	}
}

func TestWhatCannotBeAnsweredInItsTimeIsRefused(t *testing.T) {
	p := newPond(t, 1000)
	p.m.cfg.MaxWait = 4 * time.Second
	p.pour(5*time.Second, 1600, patient) // 3 s wait
	for _, c := range []struct {
		timeout time.Duration
		want    Refusal
	}{{2 * time.Second, Full}, {3900 * ms, Accepted}} {
		if c1 := p.askWith(Request{Function: "echo", Timeout: c.timeout}); c1.why != c.want {
			t.Errorf("with %d open and 1000 answered a second, a request of %v: refusal %d, want %d", p.opened(), c.timeout, c1.why, c.want)
		}
	}
}

// While part of the system is lost and not yet known to be, requests hang there
// and others go past them.
func TestRequestsThatHangSomewhereKeepNobodyOut(t *testing.T) {
	p := newPond(t, 5000)
	p.pour(3*time.Second, 1000, patient)
	p.lost = true
	if _, refused := p.pour(3*time.Second, 1500, patient); refused > 0 || p.opened() < 2000 {
		t.Errorf("%d refused with %d open, while others are answered at once", refused, p.opened())
	}
}

func TestRetryAfterIsWhenWhatIsAheadIsAnswered(t *testing.T) {
	p := newPond(t, 300)
	for _, c := range []struct {
		name string
		do   func()
		want time.Duration
	}{
		{"nothing is open", func() {}, time.Second},
		{"a flood has just begun", func() { p.pour(100*ms, 20_000, patient) }, 6 * time.Second},
		{"it has gone on", func() { p.pour(4*time.Second, 300, patient) }, 4 * time.Second},
		{"nothing is answered any more", func() { p.rate = 0; p.pour(4*time.Second, 0, patient) }, retryUnknown},
		{"little is", func() { p.rate = 5; p.pour(2*time.Second, 0, patient) }, retryAtMost},
	} {
		c.do()
		if got := p.m.retryAfter(p.now, "echo"); got < c.want-time.Second || got > c.want+time.Second {
			t.Errorf("%s: in %v with %d open, want about %v", c.name, got, p.opened(), c.want)
		}
	}
	if got := p.m.retryAfter(p.now, "another"); got != time.Second {
		t.Errorf("of a function that nobody waits for: %v", got)
	}
}

func TestIdleFunctionsAreForgotten(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	s.run(2 * time.Second)
	if len(s.m.flows) != 1 {
		t.Errorf("%d functions are known while a request is open", len(s.m.flows))
	}
	s.m.Cancel(s.now, c.number)
	s.run(2 * time.Second)
	if len(s.m.flows) != 0 {
		t.Errorf("%d functions are known with nothing open", len(s.m.flows))
	}
}

// What has been closed behind a request that hangs takes no room for ever.
func TestARequestThatHangsKeepsNoClosedOnes(t *testing.T) {
	s := newStageWith(t, 1, job.Window{Count: 1 << 16, Bytes: 1 << 30})
	s.ask()
	f := s.m.flows["echo"]
	for range 20 * alwaysOpen {
		c := s.ask()
		if c.why != Accepted {
			t.Fatalf("refusal %d", c.why)
		}
		s.m.Cancel(s.now, c.number)
	}
	if n := len(f.line); n > 2*alwaysOpen {
		t.Errorf("%d places are kept for one request", n)
	}
}

func TestAFunctionIsKnownForAWhileAfterItsQueuesHaveGone(t *testing.T) {
	s := newStage(t, 1)
	said := uint64(0)
	served := func(fn map[string]wire.FunctionState) {
		said++
		s.m.bus.View.State(s.now, wire.State{
			Member:   wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 99},
			Sequence: said, Queue: &wire.QueueState{Functions: fn},
		}, 0)
	}
	ask := func() Refusal { return s.askWith(Request{Function: "own", Timeout: time.Minute}).why }
	if why := ask(); why != UnknownFunction {
		t.Fatalf("refusal %d of a function that nobody serves", why)
	}
	served(map[string]wire.FunctionState{"own": {Workers: 1}})
	s.askWith(Request{Function: "own", Timeout: time.Hour})
	served(map[string]wire.FunctionState{})
	for range 3 {
		s.run(servedFor / 4)
		if why := ask(); why != Accepted {
			t.Fatalf("refusal %d %v after its queues have gone", why, s.now)
		}
	}
	s.run(2 * servedFor)
	if why := ask(); why != Accepted {
		t.Errorf("refusal %d while a request of it is open", why)
	}
	for _, r := range s.m.open {
		s.m.Cancel(s.now, r.seq)
	}
	s.run(servedFor)
	if why := ask(); why != UnknownFunction || len(s.m.served) != 0 {
		t.Errorf("refusal %d when nobody has served it for long; %d are remembered", why, len(s.m.served))
	}
}
