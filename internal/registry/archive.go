package registry

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"faasd/internal/config"
)

// Bounds of a package.
const (
	MaxPackage  = 256 << 20 // bytes of the zip
	MaxUnpacked = 1 << 30   // bytes of all its files together
	MaxFiles    = 100_000   // files, folders, listed or not, and symbolic links

	maxFileName  = 1024     // bytes, with its folders
	maxPathPart  = 255      // bytes of a file's or folder's name alone, as file systems have it
	maxTarget    = 4096     // bytes of what a symbolic link names
	maxDirectory = 24 << 20 // bytes of the zip's directory
)

var (
	// ErrPackage says that a package cannot be used: the error names the file
	// and what to do.
	ErrPackage = errors.New("the package cannot be used")
	// ErrTooLarge says that a package is beyond a bound.
	ErrTooLarge = errors.New("the package is too large")
)

func badPackage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrPackage, fmt.Errorf(format, args...))
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrTooLarge, fmt.Errorf(format, args...))
}

// Archive is a package that was looked through: each name in it stays inside,
// stands once, and is a file, a folder or a symbolic link that stays inside.
type Archive struct {
	entries []entry // sorted by name
}

// entry is a thing in a package.
type entry struct {
	name   string // slashes, none at the end
	mode   fs.FileMode
	size   int64  // as the package says it
	target string // of a symbolic link
	file   *zip.File
}

func (e *entry) executable() bool { return e.mode.IsRegular() && e.mode&0o111 != 0 }

// OpenArchive looks through a zip of size bytes. What it says of the content,
// such as sizes, is proved only when it is read. Errors wrap ErrPackage or
// ErrTooLarge.
func OpenArchive(r io.ReaderAt, size int64) (*Archive, error) {
	if size > MaxPackage {
		return nil, tooLarge("it has %d bytes and may have %s", size, config.FormatBytes(MaxPackage))
	}
	metered := &meteredReader{r: r, left: maxDirectory}
	z, err := zip.NewReader(metered, size)
	metered.opened = true
	switch {
	case metered.left < 0:
		return nil, tooLarge("it lists more than %d files, or names of more than %s together", MaxFiles, config.FormatBytes(maxDirectory))
	case err != nil:
		return nil, badPackage("it is no whole zip: %w; deploy a folder, a file or a zip", err)
	}
	if len(z.File) > MaxFiles {
		return nil, tooLarge("it lists %d files and may have %d", len(z.File), MaxFiles)
	}
	a := &Archive{entries: make([]entry, 0, len(z.File))}
	var total int64
	for _, f := range z.File {
		e, err := readEntry(f)
		if err != nil {
			return nil, err
		}
		if total += e.size; total > MaxUnpacked {
			return nil, tooLarge("unpacked it has more than %s", config.FormatBytes(MaxUnpacked))
		}
		a.entries = append(a.entries, e)
	}
	slices.SortFunc(a.entries, func(x, y entry) int { return cmp.Compare(x.name, y.name) })
	return a, a.checkNames()
}

// meteredReader bounds how much of a zip is read for its directory, which may
// be longer than it says.
type meteredReader struct {
	r      io.ReaderAt
	left   int64
	opened bool // the directory has been read: no more bound
}

func (m *meteredReader) ReadAt(b []byte, at int64) (int, error) {
	if m.opened {
		return m.r.ReadAt(b, at)
	}
	if m.left -= int64(len(b)); m.left < 0 {
		return 0, errors.New("the directory is too long")
	}
	return m.r.ReadAt(b, at)
}

func readEntry(f *zip.File) (entry, error) {
	const encrypted = 1
	name := strings.TrimSuffix(f.Name, "/")
	if err := checkFileName(name); err != nil {
		return entry{}, err
	}
	e := entry{name: name, mode: f.Mode(), size: int64(f.UncompressedSize64), file: f}
	switch {
	case f.UncompressedSize64 > MaxUnpacked:
		return e, tooLarge("unpacked, %s alone has more than %s", name, config.FormatBytes(MaxUnpacked))
	case f.Flags&encrypted != 0:
		return e, badPackage("%s is encrypted: pack it without a password", name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return e, badPackage("%s is compressed by method %d: pack it with deflate, as zip does by default", name, f.Method)
	case strings.HasSuffix(f.Name, "/") != e.mode.IsDir():
		return e, badPackage("%s is said to be a folder and a file at once: pack it anew", name)
	case e.mode.IsDir(), e.mode.IsRegular():
		return e, nil
	case e.mode.Type() != fs.ModeSymlink:
		return e, badPackage("%s is neither file, folder nor symbolic link: leave it out", name)
	case e.size > maxTarget:
		return e, badPackage("%s is a symbolic link of %d bytes: leave it out", name, e.size)
	}
	var err error
	if e.target, err = readTarget(f); err != nil {
		return e, err
	}
	return e, checkTarget(name, e.target)
}

func readTarget(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", badPackage("%s: %w", f.Name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxTarget))
	if err != nil {
		return "", badPackage("%s: %w", f.Name, err)
	}
	return string(b), nil
}

// validFile reports whether the name is one of a file in a package.
func validFile(name string) bool { return checkFileName(name) == nil }

func checkFileName(name string) error {
	switch {
	case len(name) > maxFileName:
		return badPackage("the name %.80q… has %d bytes and may have %d", name, len(name), maxFileName)
	case slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > maxPathPart }):
		return badPackage("in the name %.80q… a part has more than %d bytes: shorten it", name, maxPathPart)
	case strings.Contains(name, `\`):
		return badPackage("the name %.200q has a backslash: pack it with slashes between folders", name)
	case name == "." || !fs.ValidPath(name): // absolute, empty, not UTF-8, with . or ..
		return badPackage("the name %.200q is not that of a file inside: use relative names without . and ..", name)
	case config.Printable(name) != name:
		return badPackage("the name %.200q has characters that cannot be shown: rename the file", name)
	}
	return nil
}

// checkTarget refuses a symbolic link that does not stay inside. A target has ..
// at its beginning only, where the folders behind it are real ones: behind
// another link, .. would lead elsewhere than the name says.
func checkTarget(name, target string) error {
	rest := target
	for strings.HasPrefix(rest, "../") || rest == ".." {
		rest = strings.TrimLeft(strings.TrimPrefix(rest, ".."), "/")
	}
	inside := path.Join(path.Dir(name), target)
	switch {
	case target == "" || len(target) > maxTarget || strings.ContainsRune(target, 0):
		return badPackage("the symbolic link %s names nothing: leave it out", name)
	case path.IsAbs(target), inside == "..", strings.HasPrefix(inside, "../"), slices.Contains(strings.Split(rest, "/"), ".."):
		return badPackage("the symbolic link %s → %.200q leads out of the package: link to a file inside by a relative name, or copy the file", name, target)
	}
	return nil
}

// checkNames refuses names that stand twice, and files that are folders too.
func (a *Archive) checkNames() error {
	kinds := make(map[string]fs.FileMode, len(a.entries))
	for _, e := range a.entries {
		if _, twice := kinds[e.name]; twice {
			return badPackage("%s is in it twice: pack it anew", e.name)
		}
		kinds[e.name] = e.mode
	}
	for _, e := range a.entries {
		for folder := path.Dir(e.name); folder != "."; folder = path.Dir(folder) {
			mode, there := kinds[folder]
			if there && !mode.IsDir() {
				return badPackage("%s is a file or a link, and a folder with %s in it: pack it anew", folder, e.name)
			}
			if there {
				break // what it is in has been, or will be, looked at for its own sake
			}
			if kinds[folder] = fs.ModeDir; len(kinds) > MaxFiles {
				return tooLarge("it has more than %d files and folders", MaxFiles)
			}
		}
	}
	return nil
}

// find returns the entry of that name, nil if there is none.
func (a *Archive) find(name string) *entry {
	i, ok := slices.BinarySearchFunc(a.entries, name, func(e entry, name string) int { return cmp.Compare(e.name, name) })
	if !ok {
		return nil
	}
	return &a.entries[i]
}

// follow returns the file that the name leads to through symbolic links, nil if
// there is none.
func (a *Archive) follow(name string) *entry {
	const mostLinks = 40 // as in Linux
	for range mostLinks {
		link, behind := a.firstLink(name)
		if link == nil {
			return a.find(name)
		}
		name = path.Join(path.Dir(link.name), link.target, behind)
	}
	return nil
}

// firstLink returns the first symbolic link in a path, and what is behind it.
func (a *Archive) firstLink(name string) (link *entry, behind string) {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		if e := a.find(name[:i]); e != nil && e.mode.Type() == fs.ModeSymlink {
			return e, name[i:]
		}
	}
	return nil, ""
}

// open reads a file's content. It fails where the content is not what the
// package says it is: archive/zip gives no byte more than that.
func (e *entry) open() (io.ReadCloser, error) {
	r, err := e.file.Open()
	if err != nil {
		return nil, badPackage("%s: %w", e.name, err)
	}
	return namedReader{r, e.name}, nil
}

// namedReader says whose content cannot be read.
type namedReader struct {
	io.ReadCloser
	name string
}

func (r namedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = badPackage("%s is not what the zip says of it: %w; pack it anew", r.name, err)
	}
	return n, err
}
