package deployed

import (
	"fmt"
	"sync"
	"testing"

	"faasd/internal/registry"
)

const (
	manyFunctions = 100
	manyCalls     = 1000
	// atOnce is how many are deployed, and called, at a time.
	atOnce = 8
)

func TestAHundredFunctionsAnswerAThousandCallsEachWithItsOwn(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := up(t, data, "--workers", "2", "--queues", "2", "--slots", "4")
	name := func(n int) string { return fmt.Sprintf("f%02d", n%manyFunctions) }
	inParallel(manyFunctions, func(n int) {
		r, err := s.tryDeploy(name(n), script(t, fmt.Sprintf("read body; echo -n %s \"$body\"", name(n))))
		if err != nil || len(r.Behind) > 0 {
			t.Errorf("deploying %s: %v, behind are %v", name(n), err, r.Behind)
		}
	})
	called := func(s *upSite, calls int) {
		t.Helper()
		inParallel(calls, func(n int) {
			want := fmt.Sprintf("%s call %d", name(n), n)
			if a := s.call(within(t), name(n), fmt.Sprintf("call %d\n", n)); a.status != 200 || a.text != want {
				t.Errorf("call %d: %.300s, want %q", n, a, want)
			}
		})
	}
	called(s, manyCalls)
	if err := s.process.Stop(within(t)); err != nil {
		t.Error(err)
	}
	s = up(t, data, "--workers", "1", "--queues", "1")
	called(s, manyFunctions) // those that were there before
	all, err := s.admin.Functions(within(t))
	if err != nil || len(all) != manyFunctions {
		t.Errorf("%d functions are deployed, want %d: %v", len(all), manyFunctions, err)
	}
	for _, f := range all {
		if f.Current != 1 || f.Version(1).State != registry.StateReady || f.Workers != 1 {
			t.Errorf("%s has version %d, served by %d workers; want 1, by 1", f.Name, f.Current, f.Workers)
		}
	}
}

// inParallel does something for each number below n, atOnce at a time.
func inParallel(n int, do func(number int)) {
	var group sync.WaitGroup
	for first := range atOnce {
		group.Go(func() {
			for number := first; number < n; number += atOnce {
				do(number)
			}
		})
	}
	group.Wait()
}
