package registry

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// stage is a store and what a test does with it.
type stage struct {
	*Folder
	t *testing.T
}

func openStage(t *testing.T, path string) stage {
	t.Helper()
	f, err := OpenFolder(path)
	check(t, err)
	t.Cleanup(func() { _ = f.Close() }) // a test may have closed it
	return stage{f, t}
}

// put stores a package and returns a manifest for it.
func (s stage) put(content string) Manifest {
	s.t.Helper()
	digest, size, err := s.Put(strings.NewReader(content), "")
	check(s.t, err)
	m := good()
	m.Package, m.Size = digest, size
	return m
}

// deploy makes a version current.
func (s stage) deploy(name, content string) uint32 {
	s.t.Helper()
	n, _, err := s.Stage(name, s.put(content))
	check(s.t, err)
	check(s.t, s.Promote(name, n))
	return n
}

// states is "1 ready, 2 failed; current 1".
func (s stage) is(name string, current uint32, states ...State) {
	s.t.Helper()
	f := s.Catalogue().Function(name)
	if f == nil {
		s.t.Fatalf("%s is not there", name)
	}
	var got []State
	for _, v := range f.Versions {
		got = append(got, v.State)
	}
	if f.Current != current || !reflect.DeepEqual(got, states) {
		s.t.Errorf("%s: current %d, %q, want %d, %q", name, f.Current, got, current, states)
	}
}

func TestWhatIsStoredIsThereAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "store")
	s := openStage(t, path)
	first := s.Catalogue()
	if len(first.Store) < 20 || first.Revision == 0 {
		t.Errorf("a new store is %+v", first)
	}
	m := s.put("content")
	n, unchanged, err := s.Stage("resize", m)
	if n != 1 || unchanged || err != nil {
		t.Fatalf("%d, %t, %v", n, unchanged, err)
	}
	s.is("resize", 0, StateTrying)
	if s.Catalogue().Function("resize").Serves() {
		t.Error("it serves before it has started")
	}
	check(t, s.Promote("resize", 1))
	want := s.Catalogue()
	v := want.Functions[0].Versions[0]
	if want.Revision != first.Revision+2 || want.Store != first.Store || time.Since(v.Created) > time.Minute ||
		v.Manifest != m.Digest() || v.Kind != m.Kind || v.Timeout != m.Timeout || v.Package != m.Package || v.Size != m.Size || !reflect.DeepEqual(v.Labels, m.Labels) {
		t.Errorf("%+v", want)
	}
	check(t, s.Close())

	s = openStage(t, path)
	if got := s.Catalogue(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, err := s.Manifest(v.Manifest); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v, want %+v", got, err, m)
	}
	b, err := s.Open(v.Package)
	check(t, err)
	if text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size())); string(text) != "content" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	check(t, b.Close())
}

func TestAFailedVersionLeavesTheOldOne(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("f", "one")
	n, _, err := s.Stage("f", s.put("two"))
	check(t, err)
	s.is("f", 1, StateReady, StateTrying)
	check(t, s.Fail("f", n, "exit status 1 "+strings.Repeat("é", maxReason)))
	s.is("f", 1, StateReady, StateFailed)
	if r := s.Catalogue().Functions[0].Versions[1].Reason; !strings.HasPrefix(r, "exit status 1 é") || len(r) > maxReason || strings.ContainsRune(r, '\ufffd') {
		t.Errorf("reason %.40q… of %d bytes", r, len(r))
	}
	if n := s.deploy("f", "two"); n != 3 {
		t.Errorf("the same again is version %d, want 3: it may start now", n)
	}
}

func TestTheSameAgainIsNotDeployed(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("f", "one")
	before := s.Catalogue()
	n, unchanged, err := s.Stage("f", s.put("one"))
	if n != 1 || !unchanged || err != nil || s.Catalogue().Revision != before.Revision {
		t.Errorf("%d, %t, %v", n, unchanged, err)
	}
	m := s.put("one")
	m.Timeout++
	if n, unchanged, err = s.Stage("f", m); n != 2 || unchanged || err != nil {
		t.Errorf("with another timeout: %d, %t, %v", n, unchanged, err)
	}
}

func TestOnlyOneChangesAFunctionAtATime(t *testing.T) {
	path := t.TempDir()
	s, other := openStage(t, path), openStage(t, path)
	s.deploy("f", "one")
	m := s.put("two")
	n, _, err := s.Stage("f", m)
	check(t, err)
	for _, who := range []stage{s, other} {
		_, _, stage := who.Stage("f", m)
		_, rollback := who.Rollback("f", 1)
		for what, err := range map[string]error{"stage": stage, "rollback": rollback, "remove": who.Remove("f")} {
			if !errors.Is(err, ErrBusy) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	for what, err := range map[string]error{
		"another's promote": other.Promote("f", n), "another's fail": other.Fail("f", n, ""), "another version": s.Promote("f", 1), "no version": s.Fail("f", 0, ""),
	} {
		if !errors.Is(err, ErrNoVersion) {
			t.Errorf("%s: %v", what, err)
		}
	}
	other.deploy("g", "one") // another function is free
	check(t, s.Promote("f", n))
	if err := s.Promote("f", n); !errors.Is(err, ErrNoVersion) {
		t.Errorf("twice: %v", err)
	}
	if _, err := other.Rollback("f", 1); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestRollingBack(t *testing.T) {
	s := openStage(t, t.TempDir())
	for _, content := range []string{"one", "two", "bad", "four"} {
		n, _, err := s.Stage("f", s.put(content))
		check(t, err)
		if content == "bad" {
			check(t, s.Fail("f", n, "broken"))
		} else {
			check(t, s.Promote("f", n))
		}
	}
	if _, err := s.Rollback("f", 3); !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), "broken") {
		t.Errorf("to the failed one: %v", err)
	}
	if _, err := s.Rollback("f", 9); !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), "--versions") {
		t.Errorf("to one that is not: %v", err)
	}
	for _, step := range []struct{ to, want uint32 }{{0, 2}, {0, 1}, {4, 4}, {4, 4}, {2, 2}} {
		n, err := s.Rollback("f", step.to)
		if n != step.want || err != nil || s.Catalogue().Functions[0].Current != step.want {
			t.Errorf("to %d: %d, %v, want %d", step.to, n, err, step.want)
		}
	}
	if v := s.Catalogue().Functions[0].Versions; v[1].Retired != (time.Time{}) || v[3].Retired.IsZero() || v[2].Retired != (time.Time{}) {
		t.Errorf("retired: %+v", v)
	}
	_, err := s.Rollback("f", 1)
	check(t, err)
	if _, err := s.Rollback("f", 0); !errors.Is(err, ErrNoVersion) {
		t.Errorf("before the first: %v", err)
	}
	for _, name := range []string{"absent", "../x"} {
		if _, err := s.Rollback(name, 0); !errors.Is(err, ErrNoFunction) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARemovedFunctionGoesOnCountingWhenItComesBack(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("f", "one")
	check(t, s.Remove("f"))
	if f := s.Catalogue().Function("f"); f.Serves() || f.Current != 1 || time.Since(f.Removed) > time.Minute {
		t.Errorf("%+v", f)
	}
	if err := s.Remove("f"); !errors.Is(err, ErrNoFunction) {
		t.Errorf("twice: %v", err)
	}
	n, unchanged, err := s.Stage("f", s.put("one"))
	if n != 2 || unchanged || err != nil || s.Catalogue().Function("f").Serves() {
		t.Errorf("%d, %t, %v", n, unchanged, err)
	}
	check(t, s.Promote("f", n))
	if !s.Catalogue().Function("f").Serves() {
		t.Error("it does not serve")
	}
}

func TestWhatCannotBeStagedIsRefused(t *testing.T) {
	s := openStage(t, t.TempDir())
	m := s.put("one")
	absent, wrong, bad := m, m, m
	absent.Package, wrong.Size, bad.Timeout = Digest([]byte("absent")), 4, 0
	for name, tt := range map[string]struct {
		name string
		m    Manifest
		want error
	}{
		"no package": {"f", absent, ErrNoBlob}, "another size": {"f", wrong, ErrManifest}, "bounds": {"f", bad, ErrManifest},
		"route": {"functions", m, ErrManifest}, "path": {"../f", m, ErrManifest}, "no name": {"", m, ErrManifest},
	} {
		if _, _, err := s.Stage(tt.name, tt.m); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := s.Catalogue(); c.Revision != 1 || len(c.Functions) > 0 {
		t.Errorf("%+v", c)
	}
	s.deploy("f", "one") // nothing was left locked
}

func TestWhatOthersChangeIsSeen(t *testing.T) {
	path := t.TempDir()
	s, other := openStage(t, path), openStage(t, path)
	if s.Catalogue().Store != other.Catalogue().Store {
		t.Error("two stores in one folder")
	}
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("nothing happened: %t, %v", changed, err)
	}
	other.deploy("f", "one")
	if changed, err := s.Reload(); !changed || err != nil || !reflect.DeepEqual(s.Catalogue(), other.Catalogue()) {
		t.Errorf("%t, %v: %+v", changed, err, s.Catalogue())
	}
	other.deploy("f", "two")
	if n := s.deploy("f", "three"); n != 3 { // without a look
		t.Errorf("version %d, want 3", n)
	}
	check(t, os.Remove(s.name(catalogueFile)))
	if _, err := s.Reload(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := OpenFolder(path); err == nil || !strings.Contains(err.Error(), "is missing, though there are packages") {
		t.Errorf("%v", err)
	}
}

func TestManyAtOnceLoseNothing(t *testing.T) {
	path := t.TempDir()
	const stores, deploys = 4, 5
	names := []string{"a", "b", "c"}
	var all sync.WaitGroup
	for range stores {
		s := openStage(t, path)
		for _, name := range names {
			all.Go(func() {
				for done := 0; done < deploys; {
					n, _, err := s.Stage(name, s.put(name))
					switch {
					case errors.Is(err, ErrBusy):
						continue
					case err != nil:
						t.Error(err)
						return
					}
					if s.Catalogue().Function(name).Current == n { // unchanged
						done++
						m := s.put(time.Now().String())
						if n, _, err = s.Stage(name, m); errors.Is(err, ErrBusy) {
							continue
						}
					}
					if err := errors.Join(err, s.Fail(name, n, "")); err != nil {
						t.Error(err)
						return
					}
					done++
				}
			})
		}
	}
	all.Wait()
	s := openStage(t, path)
	if got := len(s.Catalogue().Functions); got != len(names) {
		t.Errorf("%d functions", got)
	}
	changes := uint64(1)
	for _, f := range s.Catalogue().Functions {
		for i, v := range f.Versions {
			if v.Number != uint32(i)+1 || v.State != StateFailed {
				t.Errorf("%s: version %d is %+v", f.Name, i+1, v)
			}
			changes += 2
		}
	}
	if got := s.Catalogue().Revision; got != changes {
		t.Errorf("revision %d after %d changes", got, changes)
	}
}

func TestAStoreThatAnybodyMayWriteToIsRefused(t *testing.T) {
	path := t.TempDir()
	check(t, os.Chmod(path, 0o777))
	if _, err := OpenFolder(path); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
		t.Errorf("%v", err)
	}
	file := filepath.Join(path, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	if _, err := OpenFolder(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
}

func TestWhatWasCancelledLeavesNoFunctionThatWasNotThere(t *testing.T) {
	s := openStage(t, t.TempDir())
	one, _, err := s.Stage("f", s.put("one"))
	check(t, err)
	check(t, s.Cancel("f", one))
	if f := s.Catalogue().Functions[0]; f.Removed.IsZero() || f.Versions[0].State != StateFailed || f.Versions[0].Reason != Cancelled {
		t.Errorf("%+v", f)
	}
	s.deploy("f", "two")
	three, _, err := s.Stage("f", s.put("three"))
	check(t, err)
	check(t, s.Cancel("f", three))
	s.is("f", 2, StateFailed, StateReady, StateFailed)
	if f := s.Catalogue().Functions[0]; !f.Removed.IsZero() {
		t.Errorf("one that was there is removed: %+v", f)
	}
}

func TestGoingBackStopsAtARemovalUnlessAVersionIsNamed(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("f", "one")
	check(t, s.Remove("f"))
	s.deploy("f", "two")
	if _, err := s.Rollback("f", 0); !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), "since it was removed") {
		t.Errorf("%v", err)
	}
	s.deploy("f", "three")
	if n, err := s.Rollback("f", 0); n != 2 || err != nil {
		t.Errorf("to %d, %v", n, err)
	}
	if n, err := s.Rollback("f", 1); n != 1 || err != nil {
		t.Errorf("to %d, %v", n, err)
	}
}

func TestARemovalIsTakenBackByGoingBack(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("f", "one")
	s.deploy("f", "two")
	for _, step := range []struct{ to, want uint32 }{{0, 2}, {2, 2}, {1, 1}, {0, 1}} {
		check(t, s.Remove("f"))
		if err := s.Catalogue().Missing("f"); !errors.Is(err, ErrNoFunction) || !strings.Contains(err.Error(), "rollback f brings it back") {
			t.Errorf("missing: %v", err)
		}
		if n, err := s.Rollback("f", step.to); n != step.want || err != nil {
			t.Errorf("back to %d: to %d, %v", step.to, n, err)
		}
		if f := s.Catalogue().Function("f"); !f.Serves() || f.Current != step.want || s.Catalogue().Missing("f") != nil {
			t.Errorf("%+v", f)
		}
	}
	check(t, s.Remove("f"))
	if _, err := s.Rollback("f", 7); !errors.Is(err, ErrNoVersion) || s.Catalogue().Function("f").Serves() {
		t.Errorf("to a version that is not there: %v", err)
	}
	_, err := s.Sweep(time.Now().Add(2 * KeepRemoved))
	check(t, err)
	if _, err := s.Rollback("f", 0); !errors.Is(err, ErrNoFunction) || !strings.Contains(err.Error(), "deploys it") {
		t.Errorf("after its time: %v", err)
	}
}
