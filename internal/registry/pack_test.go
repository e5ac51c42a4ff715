package registry

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var several = tree{
	"x bootstrap": "#!/bin/sh\n", "lib/a.txt": "a", "lib/deep/b": "", "empty/": "", "z": "→lib/a.txt", "lib/up": "→../bootstrap", "lib/here": "→deep",
}

func bytesOf(t *testing.T, p *Package) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size))
	check(t, err)
	return b
}

func TestTheSameFilesMakeTheSamePackage(t *testing.T) {
	first, other := several.make(t), several.make(t)
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	check(t, os.Chtimes(filepath.Join(other, "bootstrap"), old, old))
	check(t, os.Chmod(filepath.Join(other, "lib/a.txt"), 0o444))
	zipped := filepath.Join(t.TempDir(), "f.zip")
	check(t, os.WriteFile(zipped, several.zip(t), 0o600))
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(first, link))

	want := pack(t, first)
	if b := bytesOf(t, want); int64(len(b)) != want.Size || Digest(b) != want.Digest {
		t.Errorf("%d bytes, digest %s; it says %d and %s", len(b), Digest(b), want.Size, want.Digest)
	}
	for _, path := range []string{first, other, zipped, link} {
		if got := pack(t, path); got.Digest != want.Digest {
			t.Errorf("%s: another package", path)
		}
	}
}

func TestAPackageComesOutAsItWas(t *testing.T) {
	p := pack(t, several.make(t))
	dir := filepath.Join(t.TempDir(), "f")
	check(t, Unpack(p, p.Size, dir))
	defer func() { check(t, Discard(dir)) }()
	want := maps.Clone(several)
	want["lib/"], want["lib/deep/"] = "", ""
	if got := look(t, dir); !maps.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestASingleFileIsAPackage(t *testing.T) {
	p := pack(t, filepath.Join(tree{"hello.sh": "#!/bin/sh\n"}.make(t), "hello.sh"))
	if len(p.entries) != 1 || p.entries[0].name != "hello.sh" || !p.entries[0].executable() {
		t.Errorf("%v", p.entries)
	}
}

func TestProgramsAreMadeExecutable(t *testing.T) {
	p := pack(t, tree{"a": aProgram, "b": "#!/bin/sh", "c": "text", "x d": "text", "e": "#"}.make(t))
	var got []string
	for _, e := range p.entries {
		if e.executable() {
			got = append(got, e.name)
		}
	}
	if !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("executable: %q", got)
	}
}

func TestOnlyGitIsLeftOutAndSaid(t *testing.T) {
	files := tree{"main": "#!", ".git/HEAD": "x", "sub/.git": "gitdir: x", "sub/x": "", ".gitignore": "x", "__pycache__/a.pyc": "x", "node_modules/.cache/x": "x", ".env": "x"}
	zipped := filepath.Join(t.TempDir(), "f.zip")
	check(t, os.WriteFile(zipped, files.zip(t), 0o600))
	for _, path := range []string{files.make(t), zipped} {
		p := pack(t, path)
		if !slices.Equal(p.Left, []string{".git", "sub/.git"}) {
			t.Errorf("left out: %q", p.Left)
		}
		if len(p.entries) != 6 {
			t.Errorf("packed: %v", p.entries)
		}
	}
}

func TestWhatCannotBePackedIsNamed(t *testing.T) {
	for want, files := range map[string]tree{
		"nothing in it":     {},
		"there is nothing":  {"empty/": "", ".git/x": "x"},
		`a → "/etc/passwd"`: {"a": "→/etc/passwd"},
		`a/b → "../../x"`:   {"a/b": "→../../x"},
		`"a\\b"`:            {`a\b`: ""},
		"cannot be shown":   {"a\x1b[31m": ""},
		"not that of":       {"a\xff": ""},
	} {
		if p, err := Pack(files.make(t)); !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %s", p, err, want)
		}
	}
	fifo := t.TempDir()
	check(t, syscall.Mkfifo(filepath.Join(fifo, "f"), 0o600))
	noZip := filepath.Join(t.TempDir(), "f.zip")
	check(t, os.WriteFile(noZip, []byte("text"), 0o600))
	for path, want := range map[string]string{
		fifo:                                 "f is neither",
		filepath.Join(fifo, "f"):             "neither file nor folder",
		filepath.Join(t.TempDir(), "absent"): "no such file",
		noZip:                                "it is no zip",
	} {
		if p, err := Pack(path); !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %s", p, err, want)
		}
	}
}

func TestAPackageThatIsTooLargeIsRefused(t *testing.T) {
	w := &boundedWriter{w: io.Discard, left: 10}
	if _, err := w.Write(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte{0}); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "256MiB") {
		t.Errorf("%v", err)
	}
	root := tree{"main": "#!"}.make(t)
	check(t, os.Truncate(filepath.Join(root, "main"), MaxUnpacked+1)) // sparse
	if _, err := Pack(root); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "1GiB") {
		t.Errorf("%v", err)
	}
	grown := item{name: "main", open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(root, "main")) }}
	if _, err := writeItem(zip.NewWriter(io.Discard), grown, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("grown since it was gathered: %v", err)
	}
}

func TestNothingStaysInTheTemporaryFolder(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	root := several.make(t)
	_, err := Pack(filepath.Join(root, "absent"))
	if err == nil {
		t.Error("an absent file is packed")
	}
	p := pack(t, root)
	if !bytes.HasPrefix(bytesOf(t, p), []byte("PK")) {
		t.Error("no zip")
	}
	left, err := os.ReadDir(folder)
	check(t, err)
	for _, e := range left {
		if strings.HasPrefix(e.Name(), "faasd-") {
			t.Errorf("%s", fmt.Sprint(e))
		}
	}
}
