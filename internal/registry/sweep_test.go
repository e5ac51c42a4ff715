package registry

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestASweepKeepsWhatSomebodyMayWant(t *testing.T) {
	s := openStage(t, t.TempDir())
	for i := range 13 {
		s.deploy("f", strconv.Itoa(i))
	}
	_, err := s.Rollback("f", 1)
	check(t, err)
	before := s.Catalogue()
	sweep := func(after time.Duration, want Swept) {
		t.Helper()
		got, err := s.Sweep(time.Now().Add(after))
		got.Bytes = 0
		if err != nil || got != want {
			t.Errorf("after %s: %+v, %v, want %+v", after, got, err, want)
		}
	}
	sweep(0, Swept{})
	sweep(59*time.Minute, Swept{})
	if s.Catalogue().Revision != before.Revision {
		t.Error("a sweep that finds nothing is a change")
	}
	sweep(61*time.Minute, Swept{Versions: 2, Blobs: 4}) // versions 2 and 3; 1 is current
	f := s.Catalogue().Function("f")
	if f.Version(1) == nil || f.Version(2) != nil || f.Version(3) != nil || f.Version(4) == nil || len(f.Versions) != 11 {
		t.Errorf("%+v", f)
	}
	for _, v := range f.Versions {
		if _, err := s.Manifest(v.Manifest); err != nil {
			t.Error(err)
		}
		b, err := s.Open(v.Package)
		check(t, err)
		check(t, b.Close())
	}
	if n := s.deploy("f", "next"); n != 14 {
		t.Errorf("version %d, want 14", n)
	}
}

func TestARemovedFunctionIsDroppedAfterAWeek(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.deploy("removed", "one")
	check(t, s.Remove("removed"))
	s.deploy("kept", "two")
	n, _, err := s.Stage("never", s.put("three"))
	check(t, err)
	check(t, s.Fail("never", n, ""))
	_, _, err = s.Stage("trying", s.put("four"))
	check(t, err)
	const hour = KeepRemoved
	if got, err := s.Sweep(time.Now().Add(hour - time.Minute)); err != nil || got.Functions != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Sweep(time.Now().Add(hour + time.Minute)); err != nil || got.Functions != 2 || got.Blobs != 4 || got.Bytes == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if c := s.Catalogue(); c.Function("kept") == nil || c.Function("trying") == nil || len(c.Functions) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestASweepRemovesWhatWasNeverCompleted(t *testing.T) {
	s := openStage(t, t.TempDir())
	digest := s.put("nobody's").Package
	check(t, os.WriteFile(s.name(incomingFolder, "half"), []byte("x"), 0o600))
	if got, err := s.Sweep(time.Now().Add(59 * time.Minute)); err != nil || got != (Swept{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Sweep(time.Now().Add(61 * time.Minute)); err != nil || got != (Swept{Blobs: 1, Bytes: 9}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, name := range []string{s.name(incomingFolder, "half"), s.blobName(digest)} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if names := strings.Join(list(t, s.path), " "); names != "blobs catalogue.json deploying incoming lock" {
		t.Errorf("the folder has %s", names)
	}
}

func list(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	check(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
