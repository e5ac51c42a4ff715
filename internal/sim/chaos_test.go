package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// Each seed takes some 25 ms, and ten times that with the race detector.
var (
	seeds = flag.Uint64("seeds", 25, "how many systems are tormented, each drawn from a seed of its own")
	from  = flag.Uint64("from", 0, "the first of the seeds")
)

func TestEveryRequestEndsOnceWhateverFails(t *testing.T) {
	for seed := *from; seed < *from+*seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			torment(t, seed)
		})
	}
}

// A tormentor does harm to a system.
type tormentor struct {
	*cluster
	random *rand.Rand
	loss   float64
	names  []string // whom it torments; frontend1 is only cut off
}

// A seed that fails can be run again and fails again, for the same reason.
func TestASeedIsReplayedExactly(t *testing.T) {
	for seed := range uint64(12) {
		first, second := torment(t, seed), torment(t, seed)
		if first != second {
			t.Errorf("seed %d: two runs differ: %x and %x", seed, first, second)
		}
	}
}

// torment runs one system under faults drawn from the seed, and returns the
// digest of all that was said in it.
func torment(t *testing.T, seed uint64) (digest uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	l := Layout{
		Coordinators: 1 + random.IntN(2), Brokers: 1 + random.IntN(2), Queues: 1 + random.IntN(4), Workers: random.IntN(6),
		Slots: 1 + random.IntN(4), Remote: random.IntN(2) == 0, Window: []uint64{4, 30, 4000}[random.IntN(3)],
		Serve: func(_ string, s worker.Start) (worker.Outcome, time.Duration) {
			o := worker.Outcome{Body: s.Job.Body}
			switch s.Job.Job[15] % 8 {
			case 0:
				return o, Forever
			case 1:
				return o, 2 * time.Second
			}
			return o, time.Duration(random.IntN(50)) * ms
		},
	}
	if random.IntN(2) == 0 { // five times what quartz does
		l.ClockSpeed = func(string) int64 { return random.Int64N(1000) - 500 }
	}
	c := &tormentor{cluster: &cluster{System: New(l), t: t}, random: random}
	for _, n := range c.nodes {
		if n.Name != "frontend1" {
			c.names = append(c.names, n.Name)
		}
	}
	c.Lose = func(string, string, role.Packet) bool { return random.Float64() < c.loss }
	if repeat := random.Float64() / 20; random.IntN(2) == 0 {
		c.Repeat = func(string, string, role.Packet) bool { return random.Float64() < repeat }
	}
	c.Run(2 * time.Second)
	const longest = 10 * time.Second
	for range 60 {
		c.Run(c.upTo(400 * ms))
		for range random.IntN(10) {
			r := c.askWith(echo(time.Second + c.upTo(longest-time.Second)))
			if random.IntN(6) == 0 {
				c.After(c.upTo(300*ms), r.Cancel)
			}
		}
		c.harm()
	}
	c.loss = 0
	c.Run(30 * time.Second)
	for i, r := range c.requests {
		if len(r.Answers) > 0 && r.Took > longest+25*ms {
			t.Errorf("request %d took %v", i, r.Took)
		}
		if len(r.Answers) > 0 && !slices.Contains([]wire.Code{wire.CodeOK, wire.CodeExpired, wire.CodeWorkersLost}, r.Answers[0].Code) {
			t.Errorf("request %d is answered %+v", i, r.Answers[0])
		}
	}
	c.right()
	c.empty()
	c.heal()
	return c.Digest()
}

// upTo is a random time.
func (c *tormentor) upTo(d time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(d)))
}

func (c *tormentor) harm() {
	a, b := c.names[c.random.IntN(len(c.names))], c.names[c.random.IntN(len(c.names))]
	comeBack := func() {
		if !c.Lives(a) {
			c.Start(a)
		}
	}
	switch c.random.IntN(9) {
	case 0:
		if c.Lives(a) {
			c.Node(a).Crash()
			c.After(c.upTo(6*time.Second), comeBack)
		}
	case 1:
		c.Cut(a, b)
		c.After(c.upTo(5*time.Second), func() { c.Heal(a, b) })
	case 2:
		c.Break(a, b)
	case 3:
		if c.Lives(a) && c.Node(a).stopped%2 == 0 {
			n := c.Node(a)
			n.Stop()
			c.After(c.upTo(6*time.Second), n.Continue)
		}
	case 4:
		c.loss = []float64{0, 0, 0.02, 0.2}[c.random.IntN(4)]
	case 5:
		c.Cut("frontend1", b)
		c.After(c.upTo(4*time.Second), func() { c.Heal("frontend1", b) })
	case 6:
		if c.Lives(a) && c.Node(a).stopped%2 == 0 {
			c.Shut(a, c.upTo(3*time.Second))
			c.After(c.upTo(3*time.Second), comeBack)
		}
	}
}

// heal has everybody come back, and checks that all is well again.
func (c *tormentor) heal() {
	c.t.Helper()
	for _, name := range c.names {
		if !c.Lives(name) {
			c.Start(name)
		}
	}
	c.Serve, c.requests = Echo, nil
	c.Start("worker99")
	c.within(30*time.Second, "a worker joins", func() bool { return c.queueOf("worker99") != "" })
	c.within(10*time.Second, "the frontend is ready", c.Frontend("frontend1").Ready)
	c.Run(2 * time.Second)
	for range 10 {
		c.answered(2*time.Second, c.ask())
	}
}
