package deployed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// sample is a request under load.
type sample struct {
	sent, ended time.Time
	answer
}

// load calls a function at its times, whether or not others were answered, until
// stop is closed.
func (s *site) load(name string, perSecond int, stop <-chan struct{}) (samples []sample) {
	var mu sync.Mutex // guards samples
	var pending sync.WaitGroup
	ctx := within(s.t)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			pending.Wait()
			return samples
		case <-tick.C:
		}
		pending.Go(func() {
			one := sample{sent: time.Now()}
			one.answer = s.call(ctx, name, "x")
			one.ended = time.Now()
			mu.Lock()
			defer mu.Unlock()
			samples = append(samples, one)
		})
	}
}

// reign is how long a version may answer: from when it was asked for until the
// next was everybody's.
type reign struct {
	says        string
	from, until time.Time
}

// switchWithin is within which a new version has all new requests.
const switchWithin = 2 * time.Second

func TestNoRequestFailsWhileVersionsFollowEachOther(t *testing.T) {
	t.Parallel()
	s := up(t, t.TempDir(), "--workers", "2", "--queues", "2")
	reigns := []reign{{says: "v1", from: time.Now()}}
	s.deploy("f", says(t, "v1"))
	stop, loaded := make(chan struct{}), make(chan []sample)
	go func() { loaded <- s.load("f", 200, stop) }()
	follows := func(text string, change func()) {
		next := reign{says: text, from: time.Now()}
		change()
		reigns[len(reigns)-1].until = time.Now()
		reigns = append(reigns, next)
		for range 20 { // some requests for each
			s.answers("f", "", text)
		}
	}
	for number := 2; number <= 10; number++ {
		text := fmt.Sprint("v", number)
		follows(text, func() { s.deploy("f", says(t, text)) })
	}
	for _, back := range []uint32{0, 1} {
		text := map[uint32]string{0: "v9", 1: "v1"}[back]
		follows(text, func() {
			if r, err := s.admin.Rollback(within(t), "f", back, nil); err != nil || len(r.Behind) > 0 {
				t.Errorf("rolling back: %+v, %v", r, err)
			}
		})
	}
	close(stop)
	samples := <-loaded
	reigns[len(reigns)-1].until = time.Now()
	t.Logf("%d requests under %d changes in %s", len(samples), len(reigns)-1, time.Since(reigns[0].from).Round(time.Millisecond))
	if len(samples) < 100 {
		t.Errorf("%d requests are no load", len(samples))
	}
	workers := make(map[string]bool)
	for _, one := range samples {
		workers[one.worker] = true
		if why := judge(one, reigns); why != "" {
			t.Errorf("request of %s: %s", one.sent.Format("05.000"), why)
		}
	}
	if len(workers) != 2 {
		t.Errorf("answered by %v, want both workers", workers)
	}
	for i := range reigns[1:] {
		if took := overlap(samples, reigns[i].says, reigns[i+1].says, reigns[i+1].from, reigns[i+1].until); took > switchWithin {
			t.Errorf("%s was given new requests for %s after %s", reigns[i].says, took, reigns[i+1].says)
		}
	}
}

// judge says what is wrong with an answer, "" for nothing.
func judge(one sample, reigns []reign) string {
	if one.status != http.StatusOK {
		return "answered " + one.answer.String()
	}
	for _, r := range reigns {
		if one.text == r.says && one.ended.After(r.from) && one.sent.Before(r.until) {
			return ""
		}
	}
	return "answered " + one.text + " when that was not current"
}

// overlap is how long a version was given new requests after the next had
// answered its first.
func overlap(samples []sample, old, next string, from, until time.Time) time.Duration {
	first, last := until, from
	for _, one := range samples {
		switch {
		case one.ended.Before(from) || one.sent.After(until):
		case one.text == next && one.ended.Before(first):
			first = one.ended
		case one.text == old && one.sent.After(last):
			last = one.sent
		}
	}
	return last.Sub(first)
}

func TestWhatRunsFinishesOnTheVersionThatItBeganOn(t *testing.T) {
	t.Parallel()
	s := up(t, t.TempDir(), "--workers", "1", "--queues", "1")
	for _, kind := range []registry.Kind{registry.KindLambda, registry.KindExec} {
		t.Run(string(kind), func(t *testing.T) {
			name, file := "f-"+string(kind), filepath.Join(t.TempDir(), "go-on")
			s.deploy(name, behaves(t, kind, "say", "old"))
			said := make(chan answer, 1)
			go func() { said <- s.call(within(t), name, "await "+file) }()
			eventually(t, func() string {
				if _, err := os.Stat(file + ".began"); err != nil {
					return err.Error()
				}
				return ""
			})
			s.deploy(name, behaves(t, kind, "say", "new"))
			s.answers(name, "", "new")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if a := <-said; a.text != "old" {
				t.Errorf("the call that began on the old version gets %s", a)
			}
			s.answers(name, "", "new")
		})
	}
}

func TestAVersionThatCannotBeLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	s := up(t, t.TempDir(), "--workers", "2", "--queues", "1")
	s.deploy("f", says(t, "v1"))
	s.refuses(t)
	if now, err := s.admin.Function(within(t), "f"); err != nil || len(now.Versions) != 1 {
		t.Errorf("after broken packages there are %+v, %v; want version 1 alone", now, err)
	}
	s.doesNotStart(t)
	s.answers("f", "", "v1")
	if got, want := s.versions("f"), "1 ready, 2 failed; current 1"; got != want {
		t.Errorf("versions are %s, want %s", got, want)
	}
	if got := s.deploy("f", says(t, "v3")); got.Version != 3 || got.Previous != 1 {
		t.Errorf("the next version is %+v", got)
	}
	s.answers("f", "", "v3")
}

// refuses wants packages refused that are broken; nothing is changed.
func (s *site) refuses(t *testing.T) {
	t.Helper()
	v := says(t, "v2")
	absent, unsaid := v.Manifest, v.Manifest
	absent.Command = []string{"./absent"}
	unsaid.Package, unsaid.Size = "", 0
	for name, c := range map[string]struct {
		pkg  io.Reader
		m    registry.Manifest
		want error
	}{
		"no zip":          {strings.NewReader(strings.Repeat("no zip at all ", 1000)), unsaid, registry.ErrPackage},
		"torn":            {bytes.NewReader(v.pkg[:v.Size/2]), unsaid, registry.ErrPackage},
		"another package": {strings.NewReader("something"), v.Manifest, registry.ErrCorrupt},
		"no program":      {bytes.NewReader(v.pkg), absent, registry.ErrPackage},
	} {
		if _, err := s.admin.Deploy(within(t), "f", c.m, c.pkg, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		s.answers("f", "", "v1")
	}
}

// doesNotStart wants a version given up that does not start, and its reason told.
func (s *site) doesNotStart(t *testing.T) {
	t.Helper()
	_, err := s.tryDeploy("f", behaves(t, registry.KindLambda, "no-start"))
	var start *admin.StartError
	if !errors.As(err, &start) || start.Version != 2 || !strings.Contains(start.Failures[0].Reason, "exit status 1") || !strings.Contains(start.Failures[0].Log, "it does not want to") {
		t.Errorf("a version that does not start: %+v; want its exit status, and what it printed", err)
	}
}

func TestADeployDoesNotWaitForAnotherFunctionThatDoesNotComeUp(t *testing.T) {
	t.Parallel()
	s := up(t, t.TempDir(), "--workers", "2", "--queues", "2")
	ended := make(chan error, 1)
	go func() {
		hangs := script(t, "exec sleep 600")
		hangs.Kind = registry.KindLambda
		_, err := s.tryDeploy("hangs", hangs)
		ended <- err
	}()
	eventually(t, func() string { // it is being tried
		if f, err := s.admin.Function(within(t), "hangs"); err != nil || len(f.Versions) == 0 {
			return fmt.Sprintf("hangs is %+v, %v", f, err)
		}
		return ""
	})
	for n := range 3 {
		text := fmt.Sprint("v", n)
		if r, err := s.tryDeploy("f", says(t, text)); err != nil || len(r.Behind) > 0 || r.Workers != 2 {
			t.Fatalf("deploying f gives %+v, %v", r, err)
		}
		s.answers("f", "", text)
	}
	select {
	case err := <-ended:
		t.Errorf("f was deployed only after what hangs had ended with %v", err)
	default:
	}
	var start *admin.StartError
	if err := <-ended; !errors.As(err, &start) {
		t.Errorf("what hangs ends with %v, want that it does not come up", err)
	}
}

func TestFilesThatWereCleanedAwayUnderAWorkerFailNoCall(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := up(t, data, "--workers", "1", "--queues", "1")
	s.deploy("f", script(t, "echo -n v1"))
	s.answers("f", "", "v1")
	packages, err := filepath.Glob(filepath.Join(data, "work", "worker-*", "code", "f-*"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("unpacked are %q, %v", packages, err)
	}
	if err := registry.Discard(packages[0]); err != nil {
		t.Fatal(err)
	}
	s.answers("f", "", "v1")
}
