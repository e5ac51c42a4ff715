package chaos

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A load sends requests at their time, whether or not others have been
// answered, in turn to the frontends, and judges what comes of each.
type load struct {
	rate    int // requests a second
	timeout time.Duration
	seed    uint64
	clients []*client // by frontend
	names   []string  // of the frontends
	began   time.Time

	stop    chan struct{}
	ended   chan struct{} // no more is sent
	pending sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome      // of those that have ended; guarded by mu
	breaches []Breach       // guarded by mu
	broken   int            // of them, those not kept too; guarded by mu
	faults   []*event       // guarded by mu
	jobs     map[string]int // job id → request; guarded by mu
	lag      time.Duration  // by how much a request was sent late at most; guarded by mu
}

// A Breach is a promise that was not kept.
type Breach struct {
	Request  int       `json:"request,omitempty"` // from 1; 0: it is not about one
	Frontend string    `json:"frontend,omitempty"`
	Sent     time.Time `json:"sent,omitzero"`
	Seconds  float64   `json:"seconds"`          // when, since the load began
	Took     float64   `json:"took_s,omitempty"` // s, of a request
	During   string    `json:"during"`           // the last fault before
	What     string    `json:"what"`
	Job      string    `json:"job,omitempty"`
}

const (
	// patience is how long after its deadline an answer is waited for.
	patience = 5 * time.Second
	// pace is how often what is due is sent.
	pace = time.Millisecond
	// maxBreaches is how many broken promises are told in full.
	maxBreaches = 100

	smallestBody = 20
	largestBody  = 4 << 10
	hugeBody     = 256 << 10
	hugeEvery    = 200 // on average
)

func newLoad(rate int, timeout time.Duration, seed uint64, names, addresses []string) *load {
	l := &load{
		rate: rate, timeout: timeout, seed: seed, names: names, began: time.Now(),
		stop: make(chan struct{}), ended: make(chan struct{}), jobs: make(map[string]int),
	}
	for i, address := range addresses {
		l.clients = append(l.clients, &client{
			address: address, patience: timeout + patience,
			stray: func(what string) {
				l.breach(Breach{Frontend: names[i], What: "an answer that nobody waits for: " + what})
			},
		})
	}
	return l
}

// run sends until halt.
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
		for ; l.due(number) <= l.now(); number++ {
			n := number
			l.pending.Go(func() { l.send(n) })
		}
	}
}

// due is when a request is to be sent.
func (l *load) due(number int) time.Duration {
	return time.Duration(number) * time.Second / time.Duration(l.rate)
}

func (l *load) now() time.Duration { return time.Since(l.began) }

func (l *load) send(number int) {
	at := number % len(l.clients)
	o := outcome{number: number, frontend: l.names[at], due: l.due(number)}
	sent := body(l.seed, number)
	lag := l.now() - o.due
	r := l.clients[at].post(sent, l.timeout)
	o.ended, o.status, o.attempt = l.now(), r.status, r.attempt()

	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = max(l.lag, lag)
	var why string
	o.verdict, why = o.judge(sent, r, l.timeout, l.faults)
	id := r.job()
	if other := l.jobs[id]; o.verdict == right && other != 0 {
		o.verdict, why = broken, fmt.Sprintf("its job is that of request %d", other)
	}
	l.jobs[id] = number
	if o.verdict == broken {
		l.note(Breach{
			Request: number, Frontend: o.frontend, Sent: l.began.Add(o.due), Seconds: o.due.Seconds(),
			Took: o.took().Seconds(), What: why, Job: id,
		})
	}
	l.outcomes = append(l.outcomes, o)
}

// breach notes a broken promise.
func (l *load) breach(b Breach) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.Seconds = l.now().Seconds()
	l.note(b)
}

// note keeps a broken promise with what was going on. l.mu is held.
func (l *load) note(b Breach) {
	l.broken++
	if len(l.breaches) == maxBreaches {
		return
	}
	b.During = "no fault yet"
	if n := len(l.faults); n > 0 {
		b.During = describe(l.faults[n-1], l.now())
	}
	l.breaches = append(l.breaches, b)
}

// begin tells of a fault before it is done, and over once the part works again.
func (l *load) begin(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.began = l.now()
	l.faults = append(l.faults, e)
}

func (l *load) over(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.over = l.now()
}

// halt sends no more.
func (l *load) halt() {
	close(l.stop)
	<-l.ended
}

// finish waits for what is still to come after halt.
func (l *load) finish() {
	l.pending.Wait()
	for _, c := range l.clients {
		c.close()
	}
}

// body is what a request carries: its number, then bytes drawn from the seed.
func body(seed uint64, number int) []byte {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	size := smallestBody + random.IntN(largestBody-smallestBody+1)
	if random.IntN(hugeEvery) == 0 {
		size = hugeBody
	}
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	binary.BigEndian.PutUint64(key[numberSize:], uint64(number))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	binary.BigEndian.PutUint64(b, uint64(number))
	return b
}
