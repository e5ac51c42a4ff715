package registry

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// entryOf is a zip entry as nobody would write it.
type entryOf struct {
	zip.FileHeader
	mode fs.FileMode
	text string
	size uint64 // unpacked, as it says; 0: the truth
}

func zipOf(t testing.TB, entries ...entryOf) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := e.FileHeader
		h.SetMode(e.mode)
		h.CRC32 = crc32.ChecksumIEEE([]byte(e.text))
		h.CompressedSize64, h.UncompressedSize64 = uint64(len(e.text)), uint64(len(e.text))
		if e.size > 0 {
			h.UncompressedSize64 = e.size
		}
		w, err := z.CreateRaw(&h)
		check(t, err)
		_, err = w.Write([]byte(e.text))
		check(t, err)
	}
	check(t, z.Close())
	return b.Bytes()
}

func plainFile(name string) entryOf {
	return entryOf{FileHeader: zip.FileHeader{Name: name}, mode: 0o644, text: "x"}
}

func linkOf(name, target string) entryOf {
	return entryOf{FileHeader: zip.FileHeader{Name: name}, mode: fs.ModeSymlink | 0o777, text: target}
}

func TestAPackageThatDoesHarmIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"no zip":                zipOf(t)[1:],
		"nothing":               nil,
		"cut":                   zipOf(t, plainFile("a"))[:60],
		"upwards":               zipOf(t, plainFile("../a")),
		"upwards inside":        zipOf(t, plainFile("a/../../b")),
		"absolute":              zipOf(t, plainFile("/a")),
		"backslashes":           zipOf(t, plainFile(`..\a`)),
		"dot":                   zipOf(t, plainFile("./a")),
		"two slashes":           zipOf(t, plainFile("a//b")),
		"no name":               zipOf(t, plainFile("")),
		"zero in the name":      zipOf(t, plainFile("a\x00b")),
		"no UTF-8":              zipOf(t, plainFile("a\xff")),
		"terminal's codes":      zipOf(t, plainFile("a\x1b[2J")),
		"long part of a name":   zipOf(t, plainFile("a/"+strings.Repeat("b", 256)+"/c")),
		"long name":             zipOf(t, plainFile(strings.Repeat("a/", 600)+"a")),
		"twice":                 zipOf(t, plainFile("a"), plainFile("a")),
		"folder and file":       zipOf(t, plainFile("a"), plainFile("a/b")),
		"file and folder":       zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a/"}, mode: fs.ModeDir | 0o755}, plainFile("a")),
		"through a link":        zipOf(t, linkOf("a", "b"), plainFile("a/c"), plainFile("b/d")),
		"absolute link":         zipOf(t, linkOf("a", "/etc")),
		"link upwards":          zipOf(t, linkOf("a", "..")),
		"link far upwards":      zipOf(t, linkOf("a/b", "../../c")),
		"link through a link":   zipOf(t, linkOf("p/q/up", "../.."), linkOf("p/q/out", "up/../x")),
		"link to nothing":       zipOf(t, linkOf("a", "")),
		"long link":             zipOf(t, linkOf("a", strings.Repeat("b", 5000))),
		"link with a zero":      zipOf(t, linkOf("a", "b\x00c")),
		"device":                zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: fs.ModeDevice | 0o666}),
		"fifo":                  zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: fs.ModeNamedPipe | 0o666}),
		"socket":                zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: fs.ModeSocket | 0o666}),
		"encrypted":             zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a", Flags: 1}, mode: 0o644, text: "x"}),
		"unknown method":        zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a", Method: 93}, mode: 0o644, text: "x"}),
		"says more than it has": zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: 0o644, text: "x", size: 2}),
		"has more than it says": zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: 0o644, text: "xxxx", size: 2}),
		"bomb that lies":        bomb(t, 1),
	} {
		refused(t, name, b, ErrPackage)
	}
	for name, b := range map[string][]byte{
		"bomb":              bomb(t, MaxUnpacked+1),
		"bomb of all":       zipOf(t, entryOf{FileHeader: zip.FileHeader{Name: "a"}, mode: 0o644, size: MaxUnpacked}, plainFile("b")),
		"too many entries":  zipOf(t, many()...),
		"too many folders":  zipOf(t, deep()...),
		"endless directory": zipOf(t, longDirectory()...),
	} {
		refused(t, name, b, ErrTooLarge)
	}
}

// bomb is a deflated file of 1 MiB that says to have size bytes.
func bomb(t *testing.T, size uint64) []byte {
	t.Helper()
	b := tree{"a": string(make([]byte, 1<<20))}.zip(t)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	check(t, err)
	raw, err := z.File[0].OpenRaw()
	check(t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	h := z.File[0].FileHeader
	h.UncompressedSize64, h.Flags = size, 0
	f, err := w.CreateRaw(&h)
	check(t, err)
	_, err = io.Copy(f, raw)
	check(t, err)
	check(t, w.Close())
	return out.Bytes()
}

func many() []entryOf {
	all := make([]entryOf, MaxFiles+1)
	for i := range all {
		all[i] = plainFile(strconv.Itoa(i))
	}
	return all
}

// deep has few files in folders that are not listed.
func deep() []entryOf {
	all := make([]entryOf, MaxFiles/200)
	for i := range all {
		all[i] = plainFile(strconv.Itoa(i) + strings.Repeat("/a", 200) + "/x")
	}
	return all
}

// longDirectory has few files and much to say of them.
func longDirectory() []entryOf {
	all := make([]entryOf, 400)
	for i := range all {
		all[i] = plainFile(strconv.Itoa(i))
		all[i].Comment = strings.Repeat("x", 1<<16-1)
	}
	return all
}

func refused(t *testing.T, name string, b []byte, want error) {
	t.Helper()
	parent := t.TempDir()
	dir := filepath.Join(parent, "in", "f")
	check(t, os.Mkdir(filepath.Dir(dir), 0o755))
	if err := Unpack(bytes.NewReader(b), int64(len(b)), dir); !errors.Is(err, want) || len(err.Error()) > 600 {
		t.Errorf("%s: %v, want one that is %v", name, err, want)
	}
	if found := look(t, parent); len(found) > 1 {
		t.Errorf("%s: left behind: %q", name, found)
	}
}

func TestWhatIsUnpackedIsReadOnly(t *testing.T) {
	p := pack(t, several.make(t))
	dir := filepath.Join(t.TempDir(), "f")
	check(t, Unpack(p, p.Size, dir))
	for name, want := range map[string]fs.FileMode{
		"": 0o555, "lib": 0o555, "empty": 0o555, "bootstrap": 0o555, "lib/a.txt": 0o444,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %#o, want %#o", name, got, want)
		}
	}
	check(t, Discard(dir))
	check(t, Discard(dir))
	if left := look(t, filepath.Dir(dir)); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestManyUnpackTheSameAtOnce(t *testing.T) {
	p := pack(t, several.make(t))
	dir := filepath.Join(t.TempDir(), "f")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := Unpack(p, p.Size, dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if found := look(t, filepath.Dir(dir)); found["x f/bootstrap"] == "" || len(found) != len(several)+3 {
		t.Errorf("%q", found)
	}
	check(t, Discard(dir))
}

func FuzzUnpack(f *testing.F) {
	f.Add(several.zip(f))
	f.Add(zipOf(f, linkOf("a", "b"), plainFile("b/c")))
	f.Add(zipOf(f, linkOf("p/q/up", "../.."), linkOf("p/q/out", "up/../x"), plainFile("../a")))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in", "f")
		check(t, os.Mkdir(filepath.Dir(dir), 0o755))
		err := Unpack(bytes.NewReader(b), int64(len(b)), dir)
		found := look(t, parent)
		for name, text := range found {
			name = strings.TrimPrefix(name, "x ")
			if name != "in/" && !strings.HasPrefix(name, "in/f/") {
				t.Errorf("%s is outside", name)
			}
			if strings.HasPrefix(text, "→") {
				real, err := filepath.EvalSymlinks(filepath.Join(parent, name))
				if err == nil && real != dir && !strings.HasPrefix(real, dir+"/") {
					t.Errorf("%s leads to %s", name, real)
				}
			}
		}
		if err != nil && len(found) > 1 {
			t.Errorf("%v leaves %q", err, found)
		}
		check(t, Discard(dir))
	})
}
