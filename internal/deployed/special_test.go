package deployed

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

func TestAFunctionThatNoWorkerServesWaitsForOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		labels []string
		worker []string // its flags
		others []string // of a worker that must not get it
	}{
		{"by name", nil, []string{"--functions", "resize"}, []string{"--functions", "other"}},
		{"by label", []string{"gpu", "big"}, []string{"--label", "gpu,big"}, []string{"--label", "gpu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 2, Frontends: 1})
			s.joins(t, "--functions", "echo")
			at, v := s.site(1), says(t, "resized")
			v.Labels = c.labels
			if r := at.deploy("resize", v); r.Workers != 0 || r.Version != 1 {
				t.Errorf("the deploy gives %+v, want no worker", r)
			}
			s.joins(t, c.others...)
			said := make(chan answer, 1)
			go func() { said <- at.call(within(t), "resize", "") }()
			s.shows(t, "resize waits for a worker", func(f operator.Function) bool { return f.Waiting == 1 && f.Workers == 0 })
			at.answers("echo", "beside it", "beside it")
			if a := at.call(within(t), "resized", ""); a.status != 404 {
				t.Errorf("a function that is not deployed: %s, want 404", a)
			}
			s.joins(t, c.worker...)
			if a := <-said; a.text != "resized" || a.worker != "worker3" {
				t.Fatalf("the call that waited gets %s from %s, want it from worker3", a, a.worker)
			}
			for range 10 {
				if a := at.call(within(t), "resize", ""); a.text != "resized" || a.worker != "worker3" {
					t.Fatalf("a call gets %s from %s, want it from worker3", a, a.worker)
				}
			}
		})
	}
}

// joins adds a worker with further flags.
func (s *spread) joins(t *testing.T, flags ...string) {
	t.Helper()
	if _, err := s.AddWorker(within(t), flags...); err != nil {
		t.Fatal(err)
	}
}

// shows waits until operators see a function like that.
func (s *spread) shows(t *testing.T, what string, ok func(operator.Function) bool) {
	t.Helper()
	o, err := operator.Open(s.Endpoints("coordinator", "subscribe"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	p, err := o.Until(within(t), func(p operator.Picture) bool {
		for _, f := range p.Functions {
			if f.Name == "resize" && ok(f) {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("%s: %v; there are %+v", what, err, p.Functions)
	}
}

func TestAFunctionHasProcessesOnlyWhileItIsCalled(t *testing.T) {
	t.Parallel()
	const idle = time.Second // the least that there can be
	s := up(t, t.TempDir(), "--workers", "2", "--queues", "1", "--idle", idle.String())
	s.deploy("f", says(t, "here"))
	for range 2 {
		eventually(t, func() string {
			if pids := processes(s.work()); len(pids) > 0 {
				return fmt.Sprintf("processes %v of a function that nobody calls", pids)
			}
			return ""
		})
		s.answers("f", "", "here")
		if pids := processes(s.work()); len(pids) != 1 {
			t.Errorf("processes %v after a call, want one", pids)
		}
		s.isKept(t, idle)
	}
}

// isKept wants the process that is there to take further calls, with less than
// the idle time between them.
func (s *upSite) isKept(t *testing.T, idle time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), idle+idle/4)
	defer cancel()
	before := processes(s.work())
	tick := time.NewTicker(idle / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.answers("f", "", "here")
		case <-ctx.Done():
			for _, pid := range before {
				if now := processes(s.work()); len(now) > 2 || !slices.Contains(now, pid) {
					t.Errorf("processes were %v, and after a while of calls %v", before, now)
				}
			}
			return
		}
	}
}
