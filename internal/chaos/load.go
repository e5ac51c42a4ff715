package chaos

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A load sends requests to one function at their time, whether or not others
// have been answered, in turn to the frontends, and judges what comes of each.
type load struct {
	function string
	rate     int // requests a second
	bodies   bodies
	seed     uint64
	timeout  time.Duration
	most     int  // requests that may be under way
	full     bool // it is to be more than the system can do: then 503 is an answer
	clients  clients
	ledger   *ledger

	from    time.Duration // when it began
	stop    chan struct{}
	ended   chan struct{} // no more is sent
	pending sync.WaitGroup
	room    chan struct{} // one for each request under way

	mu       sync.Mutex
	outcomes []outcome // of those that have ended; guarded by mu
	unsent   int       // because too many were under way; guarded by mu
}

// clients are those who send requests and wait for what comes of each.
type clients interface {
	// post sends a body to a function at the frontend that it names.
	post(number int, function string, body []byte, timeout time.Duration) (frontend string, r reply)
}

// inTurn has one client for each frontend, and one after the other has its turn.
type inTurn []*client

func (c inTurn) post(number int, function string, body []byte, timeout time.Duration) (string, reply) {
	one := c[number%len(c)]
	return one.name, one.post(function, body, timeout)
}

const (
	// patience is how long after its deadline an answer is waited for.
	patience = 5 * time.Second
	// pace is how often what is due is sent.
	pace = time.Millisecond
	// maxOpen is how many requests of a load may be under way: each has a
	// connection, and a process may have some 20,000.
	maxOpen = 17500
)

// start sends until halt.
func (l *load) start() {
	l.from = l.ledger.now()
	l.stop, l.ended, l.room = make(chan struct{}), make(chan struct{}), make(chan struct{}, l.most)
	go l.run()
}

func (l *load) run() {
	defer close(l.ended)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for number := 1; ; {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		for ; l.due(number) <= l.ledger.now(); number++ {
			select {
			case l.room <- struct{}{}:
				n := number
				l.pending.Go(func() { l.send(n); <-l.room })
			default:
				l.mu.Lock()
				l.unsent++
				l.mu.Unlock()
			}
		}
	}
}

// due is when a request is to be sent.
func (l *load) due(number int) time.Duration {
	return l.from + time.Duration(number)*time.Second/time.Duration(l.rate)
}

func (l *load) send(number int) {
	o := outcome{number: number, due: l.due(number)}
	sent := l.bodies.draw(l.seed, number)
	o.late = l.ledger.now() - o.due
	var r reply
	o.frontend, r = l.clients.post(number, l.function, sent, l.timeout)
	o.ended, o.status, o.attempt, o.retryAfter = l.ledger.now(), r.status, r.attempt(), r.retryAfter()

	lost, refuses := l.ledger.excused(&o)
	var why string
	o.verdict, why = o.judge(sent, r, l.timeout, lost, refuses || l.full)
	if other := l.ledger.answered(r.job(), number); o.verdict == right && other != 0 {
		o.verdict, why = broken, fmt.Sprintf("its job is that of request %d", other)
	}
	if o.verdict == broken {
		l.ledger.breach(Breach{
			Request: number, Function: l.function, Frontend: o.frontend, Sent: l.ledger.began.Add(o.due), Seconds: o.due.Seconds(),
			Took: o.took().Seconds(), What: why, Job: r.job(),
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes = append(l.outcomes, o)
}

// take returns the outcomes so far and forgets them.
func (l *load) take() []outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.outcomes
	l.outcomes = nil
	return taken
}

// halt sends no more.
func (l *load) halt() {
	close(l.stop)
	<-l.ended
}

// finish waits after halt for what is still to come, until ctx ends.
func (l *load) finish(ctx context.Context) error {
	finished := make(chan struct{})
	go func() { l.pending.Wait(); close(finished) }()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bodies says how large the bodies are that a load draws, in bytes.
type bodies struct {
	smallest, largest int
	huge              int // one in hugeEvery, on average; 0 for none
}

// hugeEvery is how many bodies there are to a huge one.
const hugeEvery = 200

// draw returns what a request carries: its number, then bytes drawn from the seed.
func (b bodies) draw(seed uint64, number int) []byte {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	size := b.smallest + random.IntN(b.largest-b.smallest+1)
	if b.huge > 0 && random.IntN(hugeEvery) == 0 {
		size = b.huge
	}
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	binary.BigEndian.PutUint64(key[numberSize:], uint64(number))
	body := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(body) // never fails
	binary.BigEndian.PutUint64(body, uint64(number))
	return body
}
