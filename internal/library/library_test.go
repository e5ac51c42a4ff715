package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/process"
	"faasd/internal/registry"
	"faasd/internal/wire"
)

func TestMain(m *testing.M) {
	process.Main()
	os.Exit(m.Run())
}

const patience = 20 * time.Second

func TestWhatIsDeployedIsServed(t *testing.T) {
	s := newStage(t)
	one, two := s.script(1, "#!/bin/sh\necho -n one $(cat)"), s.script(2, "#!/bin/sh\necho -n two $(cat)")
	if got := s.deploys(1, one); fmt.Sprint(got.Functions) != "[f]" || len(got.Broken) > 0 || got.Revision != 1 {
		t.Errorf("it serves %+v", got)
	}
	s.says(0, "one in")
	if got := s.deploys(2, one, two); fmt.Sprint(got.Functions) != "[f]" {
		t.Errorf("it serves %+v", got)
	}
	s.says(0, "two in")
	s.says(1, "one in") // by a caller who wants that one, or who has not heard yet
	s.says(2, "two in")
	if got := s.deploys(2, two); fmt.Sprint(got.Functions) != "[f]" {
		t.Errorf("it serves %+v", got)
	}
	s.says(2, "two in")
}

func TestACallThatKnowsMoreThanTheLibraryWaitsForIt(t *testing.T) {
	s := newStage(t)
	one := s.script(1, "#!/bin/sh\necho -n one")
	said := make(chan error)
	go func() {
		got, err := s.calls(1)
		if err == nil && got != "one" {
			err = fmt.Errorf("it says %q", got)
		}
		said <- err
	}()
	s.deploys(1, one)
	if err := <-said; err != nil {
		t.Error(err)
	}
}

func TestWhatDoesNotComeUpIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		version func(s *stage) wire.FunctionVersion
		why     string
	}{
		"no interpreter": {func(s *stage) wire.FunctionVersion { return s.script(2, "#!/no/such/shell\n") }, "/no/such/shell"},
		"no package": {func(s *stage) wire.FunctionVersion {
			v := s.script(2, "#!/bin/sh\n")
			m, _ := registry.ParseManifest(s.blobs[v.Manifest])
			delete(s.blobs, m.Package)
			return v
		}, "no registrar has"},
		"a program that is not there": {func(s *stage) wire.FunctionVersion {
			return s.script(2, "#!/bin/sh\n", func(m *registry.Manifest) { m.Command = []string{"./other.sh"} })
		}, "other.sh"},
		"another architecture's lambda": {func(s *stage) wire.FunctionVersion {
			return s.script(2, "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x02\x00\x16\x00"+strings.Repeat("\x00", 44), func(m *registry.Manifest) { m.Kind = registry.KindLambda })
		}, "is built for s390x, and this worker is " + runtime.GOARCH},
		"another release's kind": {func(s *stage) wire.FunctionVersion {
			v := s.script(2, "#!/bin/sh\n")
			b := bytes.Replace(s.blobs[v.Manifest], []byte(`"exec"`), []byte(`"later"`), 1)
			v.Manifest = registry.Digest(b)
			s.blobs[v.Manifest] = b
			return v
		}, "later"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			one, two := s.script(1, "#!/bin/sh\necho -n one"), c.version(s)
			two.State = wire.VersionTrying
			got := s.deploys(1, one, two)
			if len(got.Broken) == 1 && strings.Contains(got.Broken[0].Reason, s.cfg.Folder) {
				t.Errorf("%q says where this worker keeps its files", got.Broken[0].Reason)
			}
			if fmt.Sprint(got.Functions) != "[f]" || len(got.Broken) != 1 || got.Broken[0].Version != 2 || !strings.Contains(got.Broken[0].Reason, c.why) {
				t.Errorf("it serves %+v; want f, and version 2 broken for %q", got, c.why)
			}
			s.says(0, "one")
			two.State = wire.VersionReady // all the same: who calls it is told
			s.deploys(1, one, two)
			var failure *function.Failure
			if _, err := s.calls(2); !errors.As(err, &failure) || failure.Type != function.TypeInit && failure.Type != "" {
				t.Errorf("a call of version 2 gives %v", err)
			}
		})
	}
}

func TestWhatIsTriedIsToldBeforeAllElseThatDoesNotComeUp(t *testing.T) {
	s := newStage(t)
	broken := s.script(1, "#!/no/such/shell\n")
	broken.Manifest = strings.Repeat("0", 64) // of which nobody has anything
	c := wire.Catalogue{Store: 1, Revision: 1}
	for n := range wire.MaxBroken + 8 {
		c.Functions = append(c.Functions, wire.Deployed{Name: fmt.Sprintf("f%02d", n), Current: 1, Versions: []wire.FunctionVersion{broken}})
	}
	broken.State = wire.VersionTrying
	c.Functions = append(c.Functions, wire.Deployed{Name: "new", Versions: []wire.FunctionVersion{broken}})
	s.Apply(t.Context(), &c)
	got := s.settled()
	if err := got.Check(); err != nil || len(got.Broken) != wire.MaxBroken || got.Broken[0].Function != "new" || got.Broken[1].Function != "f00" {
		t.Errorf("broken are %+v, %v", got.Broken, err)
	}
}

func TestADamagedPackageIsNotRun(t *testing.T) {
	s := newStage(t)
	s.damaged = true
	if got := s.deploys(1, s.script(1, "#!/bin/sh\necho -n one")); len(got.Functions) != 0 || len(got.Broken) != 1 {
		t.Errorf("it serves %+v", got)
	}
}

func TestOnlyWhatTheWorkerIsForIsTaken(t *testing.T) {
	gpu := func(m *registry.Manifest) { m.Labels = []string{"gpu"} }
	for name, c := range map[string]struct {
		only, labels []string
		want         string
	}{
		"any":             {nil, nil, "[plain]"},
		"with a gpu":      {nil, []string{"big", "gpu"}, "[other plain]"},
		"of one function": {[]string{"other"}, []string{"gpu"}, "[other]"},
		"of none of them": {[]string{"third"}, []string{"gpu"}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(cfg *Config) { cfg.Only, cfg.Labels = c.only, c.labels })
			catalogue := wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{
				{Name: "other", Current: 1, Versions: []wire.FunctionVersion{s.script(1, "#!/bin/sh\necho 1", gpu)}},
				{Name: "plain", Current: 1, Versions: []wire.FunctionVersion{s.script(1, "#!/bin/sh\necho 2")}},
			}}
			s.Apply(t.Context(), &catalogue)
			if got := s.settled(); fmt.Sprint(got.Functions) != c.want {
				t.Errorf("it serves %v, want %s", got.Functions, c.want)
			}
		})
	}
}

func TestACallsOwnTimeoutIsToldFromItsDeadline(t *testing.T) {
	s := newStage(t)
	s.deploys(1, s.script(1, "#!/bin/sh\nexec sleep 60", func(m *registry.Manifest) { m.Timeout = 50 }))
	var failure *function.Failure
	if _, err := s.calls(1); !errors.As(err, &failure) || failure.Type != function.TypeTimeout || failure.Message != "Task timed out after 0.05 seconds" {
		t.Errorf("it ends with %v, want its own timeout", err)
	}
	s.deploys(2, s.script(2, "#!/bin/sh\nexec sleep 60"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.Invoke(ctx, function.Invocation{Function: "f", Version: 2}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v, want the job's deadline", err)
	}
}

func TestWhatRunsFinishesOnTheVersionThatItBeganOn(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	began, goOn := filepath.Join(dir, "began"), filepath.Join(dir, "go-on")
	one := s.script(1, fmt.Sprintf("#!/bin/sh\ntouch %s; while [ ! -e %s ]; do sleep 0.01; done; echo -n one", began, goOn))
	s.deploys(1, one)
	said := make(chan string, 1)
	go func() {
		got, err := s.calls(0)
		said <- fmt.Sprint(got, err)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, err := os.Stat(began); err != nil; _, err = os.Stat(began) {
		<-tick.C
	}
	s.deploys(2, s.script(2, "#!/bin/sh\necho -n two")) // and version 1 is kept no more
	s.says(0, "two")
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-said; got != "one<nil>" {
		t.Errorf("the call on version 1 gives %s", got)
	}
}

func TestAVersionThatComesBackOtherwiseDoesNotShareItsFolder(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	began, goOn := filepath.Join(dir, "began"), filepath.Join(dir, "go-on")
	text := fmt.Sprintf("#!/bin/sh\ntouch %s; while [ ! -e %s ]; do sleep 0.01; done; echo -n one", began, goOn)
	s.deploys(1, s.script(1, text))
	said := make(chan error, 1)
	go func() {
		_, err := s.calls(0)
		said <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, err := os.Stat(began); err != nil; _, err = os.Stat(began) {
		<-tick.C
	}
	s.deploys(1, s.script(1, text, func(m *registry.Manifest) { m.Timeout++ })) // as another store may have it
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err != nil {
		t.Error(err)
	}
	s.retired.Wait()
	s.says(1, "one")
}

func TestACallWhoseTimeEndsBeforeThePackageIsThereIsLate(t *testing.T) {
	s := newStage(t)
	one := s.script(1, "#!/bin/sh\necho -n one")
	s.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it is known then, and not fetched
	s.Apply(ctx, &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{{Name: "f", Current: 1, Versions: []wire.FunctionVersion{one}}}})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.Invoke(short, function.Invocation{Function: "f", Version: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v, want the job's deadline", err)
	}
	close(s.gate)
	s.says(1, "one")
}

func TestARemovedFunctionServesWhoHasBeenAccepted(t *testing.T) {
	s := newStage(t)
	one := s.script(1, "#!/bin/sh\necho -n one")
	s.deploys(1, one)
	removed := wire.Catalogue{Store: 1, Revision: 9, Functions: []wire.Deployed{{Name: "f", Current: 1, Removed: true, Versions: []wire.FunctionVersion{one}}}}
	s.Apply(t.Context(), &removed)
	if got := s.settled(); fmt.Sprint(got.Functions) != "[f]" {
		t.Errorf("it serves %v", got.Functions)
	}
	s.says(1, "one")
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 10})
	if got := s.settled(); len(got.Functions) != 0 {
		t.Errorf("once it is forgotten it serves %v", got.Functions)
	}
}

func TestARemovedFunctionThatIsDeployedAgainIsTried(t *testing.T) {
	s := newStage(t)
	one, two := s.script(1, "#!/bin/sh\necho -n one"), s.script(2, "#!/no/such/shell\n")
	two.State = wire.VersionTrying
	removed := wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{
		{Name: "f", Current: 1, Removed: true, Versions: []wire.FunctionVersion{one, two}},
	}}
	s.Apply(t.Context(), &removed)
	if got := s.settled(); len(got.Broken) != 1 || got.Broken[0].Version != 2 || len(got.Functions) != 0 {
		t.Errorf("it serves %+v; want nothing, and version 2 broken", got)
	}
}

func TestAVersionThatFailedElsewhereIsLetGoOf(t *testing.T) {
	s := newStage(t)
	one, two := s.script(1, "#!/bin/sh\necho -n one"), s.script(2, "#!/bin/sh\necho -n two")
	two.State = wire.VersionTrying
	if got := s.deploys(1, one, two); len(got.Broken) > 0 {
		t.Fatalf("it serves %+v", got)
	}
	two.State = wire.VersionFailed
	s.deploys(1, one, two)
	s.retired.Wait()
	if left, _ := filepath.Glob(filepath.Join(s.cfg.Folder, codeFolder, "f-2-*")); len(left) > 0 {
		t.Errorf("%q is kept", left)
	}
	s.says(0, "one")
}

func TestWhatAFunctionPrintsIsKeptByJob(t *testing.T) {
	s := newStage(t)
	s.deploys(1, s.script(1, "#!/bin/sh\necho some $FAASD_JOB >&2; echo answer"))
	s.calls(1)
	if tail := s.Tail("f", "j", 100); tail != "some j\n" {
		t.Errorf("the tail is %q", tail)
	}
	lines := s.Lines(wire.LogsWanted{Number: 3, Function: "f", Job: "j"})
	if lines.Number != 3 || len(lines.Lines) != 1 || lines.Lines[0].Text != "some j" || lines.Lines[0].Stream != "stderr" || lines.Last < lines.Lines[0].Number {
		t.Errorf("its lines are %+v", lines)
	}
	if lines := s.Lines(wire.LogsWanted{Function: "f", Since: lines.Last}); len(lines.Lines) != 0 {
		t.Errorf("since then there are %+v", lines.Lines)
	}
	if lines := s.Lines(wire.LogsWanted{Function: "none"}); lines.Lines == nil || len(lines.Lines) != 0 {
		t.Errorf("of an unknown function there are %+v", lines.Lines)
	}
}
