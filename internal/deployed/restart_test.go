package deployed

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"faasd/internal/proc"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// twofold is a small system in which no role but the coordinator's and the
// broker's is alone.
func twofold() proc.Layout {
	return proc.Layout{Coordinators: 1, Brokers: 1, Queues: 2, Workers: 2, Frontends: 2}
}

func TestDeployedFunctionsSurviveTheDeathOfEveryRole(t *testing.T) {
	t.Parallel()
	s := apart(t, twofold())
	s.site(1).deploy("f", says(t, "v1"))
	s.site(2).deploy("f", says(t, "v2"))
	s.site(1).deploy("g", script(t, "echo -n g1"))
	lives := func(t *testing.T) {
		t.Helper()
		for number := range 2 {
			at := s.site(number + 1)
			at.comesToAnswer("f", "v2")
			at.comesToAnswer("g", "g1")
			if got, want := at.versions("f"), "1 ready, 2 ready; current 2"; got != want {
				t.Errorf("frontend%d says of f: %s, want %s", number+1, got, want)
			}
		}
	}
	lives(t)
	for _, name := range s.Names() {
		t.Run(name, func(t *testing.T) {
			if err := s.Process(name).Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Start(within(t), name); err != nil {
				t.Fatal(err)
			}
			lives(t)
		})
	}
	t.Run("all", func(t *testing.T) {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, name := range s.Names() {
			if _, err := s.Start(within(t), name); err != nil {
				t.Fatal(err)
			}
		}
		lives(t)
		if r := s.site(2).deploy("f", says(t, "v3")); r.Version != 3 || r.Previous != 2 {
			t.Errorf("a deploy after that gives %+v", r)
		}
		s.site(1).answers("f", "", "v3")
	})
}

func TestAFrontendThatComesBackDoesNotSayThatWhatIsDeployedIsUnknown(t *testing.T) {
	t.Parallel()
	s := apart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Workers: 1, Frontends: 1})
	at := s.site(1)
	at.deploy("f", says(t, "v1"))
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	start := func(names []string) {
		t.Helper()
		inParallel(len(names), func(n int) {
			if _, err := s.Start(within(t), names[n]); err != nil {
				t.Error(err)
			}
		})
	}
	start(s.Names("broker", "queue", "worker", "frontend"))
	if a := at.call(within(t), "f", ""); a.status != 503 {
		t.Errorf("while no coordinator has told it anything, it answers %s", a)
	}
	start(s.Names("coordinator"))
	eventually(t, func() string {
		a := at.call(within(t), "f", "")
		if a.status == 404 {
			t.Errorf("it answers %s", a)
		}
		if a.text != "v1" {
			return "f answers " + a.String()
		}
		return ""
	})
}

func TestADeployThroughOneFrontendIsServedByAll(t *testing.T) {
	t.Parallel()
	s := apart(t, twofold())
	for n := range 6 {
		text := fmt.Sprint("v", n)
		s.site(n%2+1).deploy("f", says(t, text))
		for number := range 2 {
			s.site(number+1).answers("f", "", text)
		}
	}
	if r, err := s.site(2).admin.Rollback(within(t), "f", 0, nil); err != nil || r.Version != 5 || len(r.Behind) > 0 {
		t.Errorf("rolling back through the second gives %+v, %v", r, err)
	}
	s.site(1).answers("f", "", "v4")
	if r, err := s.site(1).admin.Remove(within(t), "f", nil); err != nil || len(r.Behind) > 0 {
		t.Errorf("removing through the first gives %+v, %v", r, err)
	}
	if a := s.site(2).call(within(t), "f", ""); a.status != 404 {
		t.Errorf("after it was removed, the second answers %s", a)
	}
}

func TestOfTwoDeploysAtOnceOneIsRefusedOrComesAfterTheOther(t *testing.T) {
	t.Parallel()
	s := apart(t, twofold())
	s.site(1).deploy("f", script(t, "echo -n first"))
	refused, next := 0, uint32(1)
	for round := range 8 {
		var group sync.WaitGroup
		var reports [2]admin.Report
		var errs [2]error
		for i := range 2 {
			at := s.site(1 + i*(round%2)) // by the same frontend, or by two
			v := script(t, fmt.Sprintf("echo -n round %d, %d", round, i))
			group.Go(func() { reports[i], errs[i] = at.tryDeploy("f", v) })
		}
		group.Wait()
		last := -1
		for i, err := range errs {
			switch {
			case errors.Is(err, registry.ErrBusy):
				refused++
			case err != nil:
				t.Errorf("round %d: %v", round, err)
			case last < 0 || reports[i].Version > reports[last].Version:
				last = i
			}
		}
		if last < 0 || errs[0] == nil && errs[1] == nil && reports[0].Version == reports[1].Version {
			t.Fatalf("round %d: %+v, %v", round, reports, errs)
		}
		next = max(next, reports[last].Version)
		for number := range 2 {
			s.site(number+1).answers("f", "", fmt.Sprintf("round %d, %d", round, last))
		}
	}
	t.Logf("%d of 16 deploys were refused, 409", refused)
	if f, err := s.site(1).admin.Function(within(t), "f"); err != nil || f.Current != next || len(f.Versions) != int(next) || int(next) != 17-refused {
		t.Errorf("there are %d versions, and %d is current; %d were made: %v", len(f.Versions), f.Current, 17-refused, err)
	}
}

func TestADeployGoesOnWhileAWorkerIsStopped(t *testing.T) {
	t.Parallel()
	s := apart(t, twofold())
	at := s.site(1)
	at.deploy("f", says(t, "v1"))
	stopped := s.Process("worker1")
	if err := stopped.Pause(); err != nil {
		t.Fatal(err)
	}
	report, err := at.tryDeploy("f", says(t, "v2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("behind are %q", report.Behind)
	for range 10 {
		at.answers("f", "", "v2")
	}
	if err := stopped.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string { // it has come back
		a := at.call(within(t), "f", "")
		if a.text != "v2" {
			t.Fatalf("%s answers %s after version 2 was deployed", a.worker, a)
		}
		if a.worker != "worker1" {
			return "worker1 does not answer"
		}
		return ""
	})
}
