package chaos

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// steadily has a load sent to the frontends until done is closed, and returns what it found.
func steadily(t *testing.T, done <-chan struct{}, frontends ...string) (*Steady, *SteadyReport) {
	t.Helper()
	s := NewSteady(func() []string { return frontends }, 100, 1)
	s.During("a test")
	select {
	case <-done:
	case <-time.After(soon):
		t.Error("too few requests came")
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	r, err := s.Finish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestARefusedRequestIsSentAgainUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	done := make(chan struct{})
	unsteady := server(func(conn net.Conn, body []byte) {
		switch calls.Add(1) {
		case 2:
			answer(conn, 503, nil, "Retry-After: 1")
		case 3:
			_ = conn.Close()
		case 20:
			defer close(done)
			fallthrough
		default:
			answer(conn, 200, body, ran())
		}
	}).listen(t)
	s, r := steadily(t, done, closed(t), unsteady)
	if r.Broken > 0 || r.Answers["200"] != r.Requests || r.Requests < 18 {
		t.Errorf("%s; broken: %v", r.String(), r.Breaches)
	}
	if r.Again < 3 || s.HungUp() != 1 {
		t.Errorf("sent again %d times, %d of them because somebody had hung up; want those that nobody took, the 503, and the one that was hung up on",
			r.Again, s.HungUp())
	}
}

func TestASteadyLoadTakesNoOtherAnswerForAnAnswer(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	done := make(chan struct{})
	bad := server(func(conn net.Conn, body []byte) {
		switch calls.Add(1) {
		case 1:
			answer(conn, 500, []byte("oh"))
		case 2:
			answer(conn, 503, nil) // says nothing of trying again
		case 3:
			answer(conn, 200, body[1:], ran())
		case 10:
			defer close(done)
			fallthrough
		default:
			answer(conn, 200, body, ran())
		}
	}).listen(t)
	s, r := steadily(t, done, bad)
	var found []string
	for _, b := range r.Breaches {
		what, _, _ := strings.Cut(b.What, ":")
		found = append(found, what)
		if !strings.HasPrefix(b.During, "a test") {
			t.Errorf("told during %q", b.During)
		}
	}
	slices.Sort(found)
	if want := []string{"answered 500", "answered 503", "wrong bytes"}; r.Broken != 3 || !slices.Equal(found, want) || s.HungUp() != 0 {
		t.Errorf("found %q, want %q", found, want)
	}
}
