package registry

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"faasd/internal/config"
)

// gitName is what version control keeps beside a function: the only thing that
// is left out of packages.
const gitName = ".git"

// packedTime is the time of every file in a package, the earliest that a zip
// can say, so that packing twice gives the same bytes.
var packedTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Package is a packed function, in a temporary file without a name.
type Package struct {
	*Archive
	file   *os.File
	Digest string   // of the zip, see the function Digest
	Size   int64    // of the zip, bytes
	Left   []string // what was left out: folders and files named .git
}

// ReadAt reads the zip.
func (p *Package) ReadAt(b []byte, at int64) (int, error) { return p.file.ReadAt(b, at) }

// Close throws the zip away.
func (p *Package) Close() error { return p.file.Close() }

// Pack makes a package of what is at the path: a folder, a file or a zip. The
// same files give the same bytes, whenever and wherever they are packed by the
// same faasctl: names in order, one time for all, 0755 for what is executable
// and 0644 for the rest. Programs, which begin with #! or are ELF, are made
// executable. Symbolic links are kept if they stay inside. All is packed but
// folders and files named .git. Errors wrap ErrPackage or ErrTooLarge where
// what is at the path is the reason.
func Pack(name string) (*Package, error) {
	var p Package
	items, done, err := gather(name, &p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer done()
	slices.SortFunc(items, func(x, y item) int { return cmp.Compare(x.name, y.name) })
	if p.file, err = os.CreateTemp("", "faasd-package-"); err != nil {
		return nil, fmt.Errorf("no temporary file for the package: %w", err)
	}
	err = os.Remove(p.file.Name())
	if err == nil {
		err = p.write(items)
	}
	if err == nil {
		p.Archive, err = OpenArchive(p.file, p.Size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), p.file.Close())
	}
	return &p, nil
}

// item is a thing that is to be packed.
type item struct {
	name   string
	mode   fs.FileMode
	size   int64                         // bytes, as it was when it was gathered
	target string                        // of a symbolic link
	open   func() (io.ReadCloser, error) // of a file
}

// gather finds out what is at the path. What it returns may be read until done
// is called.
func gather(name string, p *Package) (items []item, done func(), err error) {
	done = func() {}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, badPackage("there is no such file or folder")
	case err != nil:
		return nil, nil, err
	case info.IsDir():
		items, err = fromFolder(name, p)
		return items, done, err
	case !info.Mode().IsRegular():
		return nil, nil, badPackage("it is neither file nor folder")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = f.Close() } // only read
	switch {
	case isZip(f):
		items, err = fromZip(f, info.Size(), p)
	case strings.EqualFold(filepath.Ext(name), ".zip"):
		err = badPackage("it is no zip, though its name says so: pack it again")
	default:
		items = []item{{name: filepath.Base(name), mode: info.Mode(), size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(name) }}}
		err = checkFileName(items[0].name)
	}
	if err != nil {
		done()
	}
	return items, done, err
}

func isZip(f *os.File) bool {
	head := make([]byte, 4)
	_, err := f.ReadAt(head, 0)
	return err == nil && (string(head) == "PK\x03\x04" || string(head) == "PK\x05\x06") // the latter is an empty one
}

func fromFolder(root string, p *Package) (items []item, err error) {
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, full)
		if err != nil || name == "." {
			return err
		}
		name = filepath.ToSlash(name)
		if d.Name() == gitName {
			p.Left = append(p.Left, name)
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if len(items) == MaxFiles {
			return tooLarge("it has more than %d files", MaxFiles)
		}
		it, err := fromDisk(name, full, d)
		items = append(items, it)
		return err
	})
	return withoutFullFolders(items), err
}

func fromDisk(name, full string, d fs.DirEntry) (item, error) {
	if err := checkFileName(name); err != nil {
		return item{}, err
	}
	info, err := d.Info()
	if err != nil {
		return item{}, err
	}
	it := item{name: name, mode: info.Mode()}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return it, nil
	case fs.ModeSymlink:
		if it.target, err = os.Readlink(full); err != nil {
			return it, err
		}
		return it, checkTarget(name, it.target)
	case 0:
		it.size = info.Size()
		it.open = func() (io.ReadCloser, error) { return os.Open(full) }
		return it, nil
	}
	return it, badPackage("%s is neither file, folder nor symbolic link: leave it out", name)
}

func fromZip(f *os.File, size int64, p *Package) (items []item, err error) {
	a, err := OpenArchive(f, size)
	if err != nil {
		return nil, err
	}
	for i := range a.entries {
		e := &a.entries[i]
		if at := slices.Index(strings.Split(e.name, "/"), gitName); at >= 0 {
			git := strings.Join(strings.Split(e.name, "/")[:at+1], "/")
			if !slices.Contains(p.Left, git) {
				p.Left = append(p.Left, git)
			}
			continue
		}
		items = append(items, item{name: e.name, mode: e.mode, size: e.size, target: e.target, open: e.open})
	}
	return withoutFullFolders(items), nil
}

// withoutFullFolders leaves out the folders that are there because of what is in
// them.
func withoutFullFolders(items []item) []item {
	full := make(map[string]bool)
	for _, it := range items {
		full[path.Dir(it.name)] = true
	}
	return slices.DeleteFunc(items, func(it item) bool { return it.mode.IsDir() && full[it.name] })
}

// write writes the items into the file, with all bounds.
func (p *Package) write(items []item) error {
	var total int64
	for _, it := range items {
		if total += it.size; total > MaxUnpacked { // said before a minute is spent on it
			return tooLarge("unpacked it has more than %s", config.FormatBytes(MaxUnpacked))
		}
	}
	sum := sha256.New()
	out := &boundedWriter{w: io.MultiWriter(p.file, sum), left: MaxPackage}
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	left := int64(MaxUnpacked)
	files := 0
	for _, it := range items {
		n, err := writeItem(z, it, left)
		if err != nil {
			return err
		}
		left -= n
		if !it.mode.IsDir() {
			files++
		}
	}
	if files == 0 {
		return badPackage("there is nothing in it: put a program there, such as bootstrap, main.sh or main.wasm")
	}
	if err := z.Close(); err != nil {
		return err
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	p.Size = MaxPackage - out.left
	return nil
}

// writeItem writes one item of at most left bytes and returns its size.
func writeItem(z *zip.Writer, it item, left int64) (size int64, err error) {
	h := &zip.FileHeader{Name: it.name, Modified: packedTime}
	switch it.mode.Type() {
	case fs.ModeDir:
		h.Name += "/"
		h.SetMode(fs.ModeDir | 0o755)
		_, err := z.CreateHeader(h)
		return 0, err
	case fs.ModeSymlink:
		h.SetMode(fs.ModeSymlink | 0o777)
		w, err := z.CreateHeader(h)
		if err != nil {
			return 0, err
		}
		n, err := io.WriteString(w, it.target)
		return int64(n), err
	}
	f, err := it.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(headSize)
	if err != nil && err != io.EOF {
		return 0, err
	}
	h.Method = zip.Deflate
	h.SetMode(0o644)
	if it.mode&0o111 != 0 || isProgram(head) {
		h.SetMode(0o755)
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(w, io.LimitReader(r, left+1))
	if err == nil && size > left {
		err = tooLarge("unpacked it has more than %s", config.FormatBytes(MaxUnpacked))
	}
	return size, err
}

func isProgram(head []byte) bool {
	return bytes.HasPrefix(head, []byte("#!")) || bytes.HasPrefix(head, []byte(elfMagic))
}

// boundedWriter refuses to write more than a package may have.
type boundedWriter struct {
	w    io.Writer
	left int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, tooLarge("packed it has more than %s", config.FormatBytes(MaxPackage))
	}
	n, err := b.w.Write(p)
	b.left -= int64(n)
	return n, err
}
