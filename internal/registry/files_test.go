package registry

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree are files by name. A name that ends in a slash is a folder, a text that
// begins with → a symbolic link; x before the name is for executable.
type tree map[string]string

func (tr tree) make(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tr {
		name, executable := strings.CutPrefix(name, "x ")
		full := filepath.Join(root, name)
		check(t, os.MkdirAll(filepath.Dir(full), 0o755))
		target, link := strings.CutPrefix(text, "→")
		switch {
		case strings.HasSuffix(name, "/"):
			check(t, os.MkdirAll(full, 0o755))
		case link:
			check(t, os.Symlink(target, full))
		default:
			check(t, os.WriteFile(full, []byte(text), 0o600))
			if executable {
				check(t, os.Chmod(full, 0o700))
			}
		}
	}
	return root
}

// zip packs the tree as somebody else would.
func (tr tree) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range tr {
		name, executable := strings.CutPrefix(name, "x ")
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		target, link := strings.CutPrefix(text, "→")
		switch {
		case link:
			h.SetMode(fs.ModeSymlink | 0o777)
			text = target
		case strings.HasSuffix(name, "/"):
			h.SetMode(fs.ModeDir | 0o755)
		case executable:
			h.SetMode(0o755)
		default:
			h.SetMode(0o644)
		}
		w, err := z.CreateHeader(h)
		check(t, err)
		_, err = io.WriteString(w, text)
		check(t, err)
	}
	check(t, z.Close())
	return b.Bytes()
}

func (tr tree) archive(t *testing.T) *Archive {
	t.Helper()
	b := tr.zip(t)
	a, err := OpenArchive(bytes.NewReader(b), int64(len(b)))
	check(t, err)
	return a
}

// look is what is in a folder, as a tree says it.
func look(t *testing.T, root string) tree {
	t.Helper()
	found := tree{}
	check(t, filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		check(t, err)
		name, err := filepath.Rel(root, full)
		check(t, err)
		info, err := d.Info()
		check(t, err)
		switch {
		case name == ".":
		case d.IsDir():
			found[name+"/"] = ""
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(full)
			check(t, err)
			found[name] = "→" + target
		default:
			text, err := os.ReadFile(full)
			check(t, err)
			if info.Mode()&0o100 != 0 {
				name = "x " + name
			}
			found[name] = string(text)
		}
		return nil
	}))
	return found
}

func pack(t *testing.T, path string) *Package {
	t.Helper()
	p, err := Pack(path)
	check(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// elfProgram is the beginning of a program for the architecture.
func elfProgram(arch string) string {
	head := make([]byte, 64)
	copy(head, elfMagic+"\x02\x01\x01")
	for machine, name := range architectures {
		if name == arch {
			head[18] = byte(machine)
		}
	}
	return string(head)
}

var (
	aProgram = elfProgram(runtime.GOARCH)
	aModule  = wasmMagic + "\x01\x00\x00\x00"
)
