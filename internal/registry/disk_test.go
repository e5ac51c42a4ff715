package registry

import (
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// faultyDisk fails from one operation on, until it is told to stop.
type faultyDisk struct {
	osDisk
	left int // operations that succeed; below 0: all
	err  error
}

func (d *faultyDisk) fails() error {
	if d.left < 0 {
		return nil
	}
	if d.left > 0 {
		d.left--
		return nil
	}
	return d.err
}

func (d *faultyDisk) create(name string) (file, error) {
	if err := d.fails(); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(name)
	return faultyFile{f, d}, err
}

func (d *faultyDisk) rename(from, to string) error {
	if err := d.fails(); err != nil {
		return err
	}
	return d.osDisk.rename(from, to)
}

func (d *faultyDisk) makeFolder(name string) error {
	if err := d.fails(); err != nil {
		return err
	}
	return d.osDisk.makeFolder(name)
}

func (d *faultyDisk) syncFolder(name string) error {
	if err := d.fails(); err != nil {
		return err
	}
	return d.osDisk.syncFolder(name)
}

type faultyFile struct {
	file
	disk *faultyDisk
}

// Write writes half before it fails.
func (f faultyFile) Write(b []byte) (int, error) {
	if err := f.disk.fails(); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, err
	}
	return f.file.Write(b)
}

func (f faultyFile) Sync() error {
	if err := f.disk.fails(); err != nil {
		return err
	}
	return f.file.Sync()
}

// A deploy is tried on a disk that fails at its first operation, at its second
// and so on. Whenever that is, what is there then is the state before or the
// one after, for this process as for the next.
func TestADiskThatFailsLeavesTheOldState(t *testing.T) {
	failures := 0
	for left := range 100 {
		path := t.TempDir()
		d := &faultyDisk{left: -1, err: syscall.ENOSPC}
		f, err := openFolder(path, d)
		check(t, err)
		s := stage{f, t}
		s.deploy("f", "one")
		before := s.Catalogue()

		d.left = left
		_, _, putErr := s.Put(strings.NewReader("two"), "")
		var n uint32
		var stageErr, promoteErr, failErr error
		if m := good(); putErr == nil {
			m.Package, m.Size = Digest([]byte("two")), 3
			n, _, stageErr = s.Stage("f", m)
			if stageErr == nil {
				promoteErr = s.Promote("f", n)
				if promoteErr != nil {
					failErr = s.Fail("f", n, "no room")
				}
			}
		}
		err = errors.Join(putErr, stageErr, promoteErr, failErr)
		if err == nil {
			if failures < 15 || s.Catalogue().Functions[0].Current != 2 {
				t.Errorf("done after %d failures: %+v", failures, s.Catalogue())
			}
			check(t, s.Close())
			return
		}
		failures++
		if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "make room") {
			t.Errorf("failure at %d: %v", left, err)
		}
		after := s.Catalogue()
		if reread, err := openFolder(path, osDisk{}); err != nil {
			t.Errorf("failure at %d: %v", left, err)
		} else {
			check(t, reread.Close())
		}
		if stageErr != nil || putErr != nil { // only a folder that could not be synced may show the new state
			if c := after.Function("f").Current; c != 1 || after.Revision > before.Revision+1 {
				t.Errorf("failure at %d: %+v", left, after)
			}
		}
		d.left = -1
		if n := s.deploy("f", "three"); n < 2 || s.Catalogue().Functions[0].Current != n {
			t.Errorf("failure at %d: afterwards %+v", left, s.Catalogue())
		}
		check(t, s.Close())
	}
	t.Error("it always fails")
}

func TestAStoreThatCannotBeMadeIsNotHalfThere(t *testing.T) {
	for left := range 100 {
		path := t.TempDir()
		f, err := openFolder(path, &faultyDisk{left: left, err: syscall.EIO})
		if err == nil {
			check(t, f.Close())
			return
		}
		if errors.Is(err, ErrFull) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%v", err)
		}
		s := openStage(t, path)
		if c := s.Catalogue(); !reflect.DeepEqual(c, &Catalogue{Store: c.Store, Revision: 1}) {
			t.Errorf("failure at %d: %+v", left, c)
		}
	}
}

// A fullDisk has no room for another file.
type fullDisk struct{ osDisk }

func (fullDisk) create(string) (file, error) { return nil, syscall.ENOSPC }

func TestAStoreOpensOnAFullDiskThoughADeployBrokeOff(t *testing.T) {
	path := t.TempDir()
	s := openStage(t, path)
	s.deploy("f", "one")
	_, _, err := s.Stage("f", s.put("two"))
	check(t, err)
	check(t, s.Close())
	f, err := openFolder(path, fullDisk{})
	check(t, err)
	if fn := f.Catalogue().Function("f"); fn.Current != 1 || fn.Versions[1].State != StateTrying {
		t.Errorf("with no room version 2 is %s", fn.Versions[1].State)
	}
	f.disk = osDisk{}
	swept, err := f.Sweep(now())
	check(t, err)
	if fn := f.Catalogue().Function("f"); !swept.Abandoned || fn.Current != 1 || fn.Versions[1].State != StateFailed {
		t.Errorf("once there is room version 2 is %s", fn.Versions[1].State)
	}
	check(t, f.Close())
}
