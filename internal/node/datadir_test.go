package node

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faasd/internal/config"
)

func open(t *testing.T, path string) *dataDir {
	t.Helper()
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestADataFolderIsMadeForThisUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "down")
	d := open(t, path)
	for _, dir := range []string{path, d.sockets} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != dirMode {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	d = open(t, path) // and again
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

func TestADataFolderThatCannotBeUsedIsSaidToBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	writable := filepath.Join(dir, "others")
	if err := os.Mkdir(writable, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(writable, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below"), writable, "/proc/faasd"} {
		d, err := openDataDir(path)
		if err == nil {
			_ = d.close()
			t.Errorf("%s is used", path)
			continue
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--data") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q does not name it and say what to do, in one line", path, err)
		}
	}
}

func TestSocketsOfAProcessThatWasKilledAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	first := open(t, path)
	stale := filepath.Join(first.sockets, "broker.ipc")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if err := first.lock.Close(); err != nil { // as the kernel does
		t.Fatal(err)
	}
	second := open(t, path)
	if _, err := os.Stat(stale); err == nil {
		t.Error("the stale socket is still there")
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotOursStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(path, "notes.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("a file of the user's: %q, %v", b, err)
	}
}

func TestALongPathHasItsSocketsElsewhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, path := range []string{
		filepath.Join(t.TempDir(), strings.Repeat("long", 30)), filepath.Join(t.TempDir(), "a,b"),
	} {
		d := open(t, path)
		socket := strings.TrimPrefix(d.socket("coordinator-subscribe"), "ipc://")
		if len(socket) > config.MaxIPCPath || strings.Contains(socket, ",") || strings.HasPrefix(socket, path) {
			t.Errorf("a socket of %d bytes: %s", len(socket), socket)
		}
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = l.Close()
		_ = d.lock.Close() // killed
		again := open(t, path)
		if _, err := os.Stat(filepath.Dir(socket)); err == nil {
			t.Error("the folder of the one that was killed is still there")
		}
		short := again.sockets
		if err := again.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(short); err == nil {
			t.Error("the folder elsewhere is left behind")
		}
	}
}

func TestOperatorsAreToldWholeOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	d := open(t, path)
	want := config.Running{PID: 7, HTTP: "http://x", Coordinator: "ipc://y"}
	for range 2 {
		if err := d.publish(want); err != nil {
			t.Fatal(err)
		}
		if got, err := config.ReadRunning(path); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if _, err := config.ReadRunning(path); err == nil {
		t.Error("a system that has stopped can still be found")
	}
}

func TestADataFolderThatWasMadeInVainIsRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		there, added []string // below the folder: before, and meanwhile
		left         []string
	}{
		"new":                     {nil, nil, nil},
		"new, and used":           {nil, []string{"deep/down/mine"}, []string{"deep", "deep/down", "deep/down/mine"}},
		"there before":            {[]string{"deep/down/"}, nil, []string{"deep", "deep/down", "deep/down/lock", "deep/down/logs"}},
		"a folder above it there": {[]string{"deep/"}, nil, []string{"deep"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			add := func(names []string) {
				for _, name := range names {
					at := filepath.Join(root, name)
					if strings.HasSuffix(name, "/") {
						if err := os.MkdirAll(at, dirMode); err != nil {
							t.Fatal(err)
						}
					} else if err := os.WriteFile(at, nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			add(c.there)
			d := open(t, filepath.Join(root, "deep", "down"))
			add(c.added)
			if err := d.discard(); err != nil {
				t.Error(err)
			}
			var left []string
			if err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
				if rel, _ := filepath.Rel(root, path); rel != "." {
					left = append(left, rel)
				}
				return err
			}); err != nil || !slices.Equal(left, c.left) {
				t.Errorf("left is %q, %v; want %q", left, err, c.left)
			}
		})
	}
}

// Who has opened the lock of a folder that is removed has no folder.
func TestALockThatIsRemovedIsNotOneThatIsThere(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	name := d.lock.Name()
	late, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if !isAt(late, name) {
		t.Error("it is there, and is not found")
	}
	if err := d.discard(); err != nil {
		t.Error(err)
	}
	if isAt(late, name) {
		t.Error("it is gone, and is found")
	}
	d = open(t, filepath.Dir(name))
	if isAt(late, name) {
		t.Error("another's is taken for it")
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}
