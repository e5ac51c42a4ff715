package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/function"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// A call is a function from a Go function.
type call func(ctx context.Context, in function.Invocation) (function.Result, error)

func (c call) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	return c(ctx, in)
}

// run runs one job on a runner and returns its result. It is called in a
// bubble: time passes when all wait.
func run(t *testing.T, fn function.Function, ttl time.Duration) *wire.Message {
	t.Helper()
	s := atQueue(t, 1)
	r := NewRunner(s.m, map[string]function.Function{"f": fn})
	began := time.Now()
	start := s.now
	turns := make(chan func(role.Time), 10)
	clock := func() role.Time { return start + time.Since(began) }
	r.Attach(clock, func(fn func(role.Time)) bool { turns <- fn; return true })
	s.queue.Link().Send(s.now, request(1, ttl))
	for _, next := range s.inbox {
		next()
	}
	s.inbox = nil
	for len(s.got) == 0 {
		for _, e := range r.Effects() {
			s.carryOut(e)
		}
		if len(s.got) == 0 {
			(<-turns)(clock())
		}
	}
	if len(r.running) != 0 {
		t.Errorf("%d runs are not forgotten", len(r.running))
	}
	return s.took(wire.TypeResult)[0]
}

func TestTheOutcomeOfAFunctionIsTheResult(t *testing.T) {
	for _, c := range []struct {
		name   string
		fn     function.Function
		code   wire.Code
		body   string
		kind   string
		reason string // part of it
	}{
		{"instant", function.Echo{}, wire.CodeOK, "body 1", "", ""},
		{"returns", call(func(_ context.Context, in function.Invocation) (function.Result, error) {
			return function.Result{ContentType: "text/x", Body: append([]byte("got "), in.Body...)}, nil
		}), wire.CodeOK, "got body 1", "text/x", ""},
		{"reports an error", call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, &function.Error{Result: function.Result{ContentType: "text/e", Body: []byte("mine")}}
		}), wire.CodeFunctionError, "mine", "text/e", "reported"},
		{"cannot be run", call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, errors.New("no such file")
		}), wire.CodeFunctionFailed, "", "", "no such file"},
		{"panics", call(func(context.Context, function.Invocation) (function.Result, error) {
			panic("oops")
		}), wire.CodeFunctionFailed, "", "", "oops"},
		{"takes too long", call(func(ctx context.Context, _ function.Invocation) (function.Result, error) {
			<-ctx.Done()
			return function.Result{}, ctx.Err()
		}), wire.CodeExpired, "", "", "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, c.fn, time.Second)
				if r.Code != c.code || string(r.Body) != c.body || r.Meta.ContentType != c.kind || !strings.Contains(r.Meta.Reason, c.reason) {
					t.Errorf("code %d, %q of type %q, reason %q", r.Code, r.Body, r.Meta.ContentType, r.Meta.Reason)
				}
			})
		})
	}
}

func TestAFunctionKnowsItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen function.Invocation
		run(t, call(func(_ context.Context, in function.Invocation) (function.Result, error) {
			seen = in
			return function.Result{}, nil
		}), time.Second)
		if seen.Job != jobID(1).String() || seen.Attempt != 1 || seen.Function != "f" || string(seen.Body) != "body 1" {
			t.Errorf("it was told %+v", seen)
		}
	})
}

func TestAFunctionThatTheWorkerDoesNotHaveFails(t *testing.T) {
	s := atQueue(t, 1)
	r := NewRunner(s.m, nil)
	r.Attach(func() role.Time { return s.now }, func(func(role.Time)) bool { return true })
	s.give(request(1, time.Minute)) // starts it
	for _, e := range r.Effects() {
		s.carryOut(e)
	}
	if res := s.took(wire.TypeResult); len(res) != 1 || res[0].Code != wire.CodeFunctionFailed || !strings.Contains(res[0].Meta.Reason, "f") {
		t.Errorf("results %+v", res)
	}
}

func TestACancelledRunsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, stop := range map[string]func(s *stage, r *Runner){
			"cancelled": func(s *stage, r *Runner) { s.cancel(1); r.Effects() },
			"leaving":   func(s *stage, r *Runner) { r.Leave(s.now) },
		} {
			s := atQueue(t, 1)
			ended := make(chan error, 1)
			r := NewRunner(s.m, map[string]function.Function{"f": call(func(ctx context.Context, _ function.Invocation) (function.Result, error) {
				<-ctx.Done()
				ended <- ctx.Err()
				return function.Result{}, ctx.Err()
			})})
			turns := make(chan func(role.Time), 1)
			r.Attach(func() role.Time { return s.now }, func(fn func(role.Time)) bool { turns <- fn; return true })
			s.give(request(1, time.Hour))
			r.Effects()
			stop(s, r)
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: its context ends with %v", name, err)
			}
			(<-turns)(s.now)
		}
	})
}
