package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server answers one request on a raw connection as its test wants it to.
type server func(conn net.Conn, body []byte)

// listen serves until the test ends.
func (s server) listen(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	return l.Addr().String()
}

func (s server) serve(conn net.Conn) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		s(conn, body)
	}
}

// answer writes an answer as a frontend does.
func answer(conn net.Conn, status int, body []byte, header ...string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d x\r\nContent-Length: %d\r\n", status, len(body))
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	_, _ = conn.Write(b.Bytes())
}

// ran are the headers of an answer to a job of its own.
func ran() string { return fmt.Sprintf("X-Faasd-Attempt: 1\r\nX-Faasd-Job: %d", jobs.Add(1)) }

var jobs atomic.Int64

// body is that of a request of a test.
func body(number int) []byte { return tormentedBodies.draw(1, number) }

// load is one for the server, of small bodies, not started yet.
func (s server) load(t *testing.T, rate int, timeout, patience time.Duration) *load {
	t.Helper()
	ledger := newLedger()
	clients := newClients([]string{"frontend1"}, []string{s.listen(t)}, timeout+patience, ledger)
	t.Cleanup(clients[0].close)
	return &load{
		function: "echo", rate: rate, bodies: tormentedBodies, seed: 1, timeout: timeout, most: maxOpen, ledger: ledger,
		clients: inTurn(clients),
	}
}

// some sends a few requests, a hundred a second, to a server that behaves so.
func (s server) some(t *testing.T, timeout time.Duration) *load {
	t.Helper()
	l := s.load(t, 100, timeout, 200*time.Millisecond)
	l.start()
	wait := time.NewTimer(200 * time.Millisecond)
	<-wait.C
	l.halt()
	if err := l.finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(l.outcomes); n < 10 {
		t.Fatalf("%d requests were sent, want some 20", n)
	}
	return l
}

// every fails the test unless all requests are told to have broken a promise so.
func (l *load) every(t *testing.T, what string) {
	t.Helper()
	if l.ledger.broken != len(l.outcomes) {
		t.Errorf("%d of %d requests broke a promise", l.ledger.broken, len(l.outcomes))
	}
	for _, b := range l.ledger.breaches {
		if !strings.Contains(b.What, what) {
			t.Fatalf("told: %q, want %q", b.What, what)
		}
	}
}

func TestTheRightAnswerBreaksNoPromise(t *testing.T) {
	l := server(func(conn net.Conn, body []byte) { answer(conn, 200, body, ran()) }).some(t, time.Second)
	if l.ledger.broken > 0 {
		t.Errorf("told: %+v", l.ledger.breaches)
	}
	if r := newTally(l.outcomes).sum(); r.Requests == 0 || r.Answers["200"] != r.Requests {
		t.Errorf("counted: %+v", r)
	}
}

func TestAnAlteredByteIsSeen(t *testing.T) {
	server(func(conn net.Conn, body []byte) {
		body[len(body)-1] ^= 1
		answer(conn, 200, body, ran())
	}).some(t, time.Second).every(t, "wrong bytes")
}

func TestAnAnswerThatIsAnothersIsSeen(t *testing.T) {
	l := server(func(conn net.Conn, _ []byte) { answer(conn, 200, body(7), ran()) }).some(t, time.Second)
	found := false
	for _, b := range l.ledger.breaches {
		found = found || strings.Contains(b.What, "they begin like those of request 7")
	}
	if !found || l.ledger.broken != len(l.outcomes)-1 {
		t.Errorf("%d of %d told: %+v", l.ledger.broken, len(l.outcomes), l.ledger.breaches[0])
	}
}

func TestAnAnswerTwiceIsSeen(t *testing.T) {
	l := server(func(conn net.Conn, body []byte) {
		answer(conn, 200, body, ran())
		answer(conn, 200, body, ran())
	}).some(t, time.Second)
	eventuallyTold(t, l, "an answer that nobody waits for")
}

func eventuallyTold(t *testing.T, l *load, what string) {
	t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < soon; <-tick.C {
		l.ledger.mu.Lock()
		for _, b := range l.ledger.breaches {
			if strings.Contains(b.What, what) {
				l.ledger.mu.Unlock()
				return
			}
		}
		l.ledger.mu.Unlock()
	}
	t.Fatalf("never told: %s", what)
}

func TestAJobThatAnswersTwoRequestsIsSeen(t *testing.T) {
	l := server(func(conn net.Conn, body []byte) { answer(conn, 200, body, "X-Faasd-Attempt: 1", "X-Faasd-Job: J") }).some(t, time.Second)
	if l.ledger.broken == 0 || !strings.Contains(l.ledger.breaches[0].What, "its job is that of request") {
		t.Errorf("%d told: %+v", l.ledger.broken, l.ledger.breaches)
	}
}

func TestNoAnswerIsSeen(t *testing.T) {
	server(func(net.Conn, []byte) {}).some(t, 100*time.Millisecond).every(t, "hangs")
	server(func(conn net.Conn, _ []byte) { conn.Close() }).some(t, time.Second).every(t, "no answer: EOF")
	server(func(conn net.Conn, body []byte) {
		fmt.Fprintf(conn, "HTTP/1.1 200 x\r\nContent-Length: %d\r\n\r\n", len(body))
		_, _ = conn.Write(body[:len(body)-1])
		conn.Close()
	}).some(t, time.Second).every(t, "broke off")
}

func TestABodyIsItsRequestsOwn(t *testing.T) {
	huge := 0
	for n := 1; n <= 2000; n++ {
		draw := tormentedBodies.draw
		b := draw(3, n)
		if !bytes.Equal(b, draw(3, n)) || bytes.Equal(b, draw(4, n)) || bytes.Equal(b, draw(3, n+1)) {
			t.Fatalf("the body of request %d is not drawn from the seed", n)
		}
		switch {
		case len(b) == tormentedBodies.huge:
			huge++
		case len(b) < tormentedBodies.smallest || len(b) > tormentedBodies.largest:
			t.Fatalf("a body of %d bytes", len(b))
		}
	}
	if huge < 3 || huge > 30 {
		t.Errorf("%d of 2000 bodies are huge, want some 10", huge)
	}
}

func TestRequestsAreDueAtTheRate(t *testing.T) {
	l := load{rate: 1000, from: time.Minute}
	for _, c := range []struct {
		number int
		due    time.Duration
	}{{1, time.Millisecond}, {1000, time.Second}, {1500, 1500 * time.Millisecond}} {
		if got := l.due(c.number) - l.from; got != c.due {
			t.Errorf("request %d is due at %s, want %s", c.number, got, c.due)
		}
	}
}

// Latencies count from when a request was due, and it goes out then, whether or
// not others have been answered.
func TestTheLoadDoesNotWaitForAnswers(t *testing.T) {
	held := make(chan struct{})
	var waiting atomic.Int64
	s := server(func(conn net.Conn, body []byte) {
		if waiting.Add(1) == 20 {
			close(held)
		}
		<-held
		answer(conn, 200, body, ran())
	})
	l := s.load(t, 100, soon, patience)
	l.start()
	<-held
	l.halt()
	if err := l.finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.ledger.broken > 0 {
		t.Errorf("told: %+v", l.ledger.breaches)
	}
	for _, o := range l.outcomes {
		if o.number == 1 && o.took() < 180*time.Millisecond {
			t.Errorf("the first of 20 that were held for the last is said to have taken %s", o.took())
		}
	}
}

// What is full says so, and that is an answer to a load that is to be too much.
func TestARefusalIsAnAnswerOnlyToALoadThatIsTooMuch(t *testing.T) {
	s := server(func(conn net.Conn, _ []byte) { answer(conn, 503, nil, "Retry-After: 2") })
	s.some(t, time.Second).every(t, "answered 503")
	l := s.load(t, 100, time.Second, patience)
	l.full = true
	l.send(1)
	if o := l.take()[0]; l.ledger.broken > 0 || o.verdict != refused || o.retryAfter != 2 {
		t.Errorf("%+v, told: %+v", o, l.ledger.breaches)
	}
}

// What cannot be sent because too much is under way is not forgotten.
func TestMoreThanMayBeUnderWayIsNotSent(t *testing.T) {
	held := make(chan struct{})
	s := server(func(conn net.Conn, body []byte) {
		<-held
		answer(conn, 200, body, ran())
	})
	l := s.load(t, 1000, soon, patience)
	l.most = 3
	l.start()
	err := eventually(t.Context(), func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.unsent < 100 {
			return "sent"
		}
		return ""
	})
	l.halt()
	close(held)
	if err := l.finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(l.take()); n != 3 || err != nil {
		t.Errorf("%d requests were sent, want 3; %v", n, err)
	}
}
