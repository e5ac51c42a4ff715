package lint

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkSleep finds calls of time.Sleep in tests. Inside a function given to synctest.Test time is simulated and sleeping
// is how it passes, so there it is allowed.
func checkSleep(f source) (broken []string) {
	if !f.test() {
		return nil
	}
	clock, bubble := f.importedAs("time"), f.importedAs("testing/synctest")
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok && bubble != "" && isSelector(call.Fun, bubble, "Test") {
			return false
		}
		if e, ok := n.(ast.Expr); ok && clock != "" && isSelector(e, clock, "Sleep") {
			broken = append(broken, fmt.Sprintf("%s: a test sleeps; wait for the condition instead, or use testing/synctest",
				f.fset.Position(n.Pos())))
		}
		return true
	})
	return broken
}

// importedAs returns the name under which the file knows a package of the standard library, or nothing.
func (s source) importedAs(pkg string) string {
	for _, spec := range s.syntax.Imports {
		if spec.Path.Value != strconv.Quote(pkg) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}

func isSelector(e ast.Expr, x, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == x
}

// The words are put together here so that this file does not contain them.
var unfinished = regexp.MustCompile(`\b(` + "TO" + `DO|` + "FIX" + `ME|` + "X" + `XX)\b`)

// checkUnfinished finds marks of unfinished work in what people read: code, documents, scripts.
func checkUnfinished(name, text string) (broken []string) {
	switch ext := path.Ext(name); {
	case ext == ".go", ext == ".md", ext == ".sh", path.Base(name) == "Makefile":
	case strings.HasPrefix(text, "#!"):
	default:
		return nil
	}
	return grep(name, text, unfinished, "unfinished; finish it or file an issue")
}

// A folder that exists on one developer's machine only; again put together so as not to find itself.
var machinePath = regexp.MustCompile(`(^|[^\w./-])/` + `(work|Users)/\w`)

func checkMachinePaths(name, text string) []string {
	return grep(name, text, machinePath, "a path of one machine")
}

func grep(name, text string, what *regexp.Regexp, why string) (broken []string) {
	for i, line := range strings.Split(text, "\n") {
		if found := what.FindString(line); found != "" {
			broken = append(broken, fmt.Sprintf("%s:%d: %q: %s", name, i+1, strings.TrimSpace(found), why))
		}
	}
	return broken
}

var emptyNames = []string{"util", "utils", "helper", "helpers", "common", "misc"}

// checkName refuses files and folders whose name says nothing about what is in them.
func checkName(name string) (broken []string) {
	for part := range strings.SplitSeq(name, "/") {
		stem, _, _ := strings.Cut(strings.TrimLeft(part, "."), ".")
		for word := range strings.FieldsFuncSeq(stem, func(r rune) bool { return r == '_' || r == '-' }) {
			if slices.Contains(emptyNames, strings.ToLower(word)) {
				broken = append(broken, name+": "+part+" does not say what is in it")
			}
		}
	}
	return broken
}

var (
	fence  = regexp.MustCompile("(?ms)^ {0,3}```.*?^ {0,3}```[ \t]*$")
	inline = regexp.MustCompile("`[^`\n]*`")
	// [text](target "title"), ![alt](target) and [label]: target
	link = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?m:^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s>]+))`)
)

// checkLinks reports relative links of a Markdown file whose target is absent below root or outside it.
func checkLinks(root fs.FS, name, text string) (broken []string) {
	text = inline.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		target := m[1] + m[2]
		u, err := url.Parse(target)
		switch {
		case err != nil:
			broken = append(broken, name+": link to "+target+": "+err.Error())
			continue
		case u.Scheme != "" || u.Host != "" || u.Path == "":
			continue
		}
		file := path.Join(path.Dir(name), u.Path)
		if path.IsAbs(u.Path) { // below the repository's root, as code hosts read it
			file = path.Clean(u.Path)[1:]
		}
		// fs.Stat refuses what would leave the root.
		if _, err := fs.Stat(root, file); err != nil {
			broken = append(broken, name+": link to "+target+": no such file in this repository")
		}
	}
	return broken
}

// checkText applies the rules on content to every text file below root, and the rule on names to every file.
func checkText(root string) ([]string, error) {
	var broken []string
	err := walk(root, func(name string) error {
		broken = append(broken, checkName(name)...)
		raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody's temporary file
		}
		if err != nil {
			return err
		}
		if bytes.IndexByte(raw[:min(len(raw), 8000)], 0) >= 0 {
			return nil // binary
		}
		text := string(raw)
		broken = append(broken, checkMachinePaths(name, text)...)
		broken = append(broken, checkUnfinished(name, text)...)
		if name == "README.md" || path.Dir(name) == "docs" && path.Ext(name) == ".md" {
			broken = append(broken, checkLinks(os.DirFS(root), name, text)...)
		}
		return nil
	})
	return broken, err
}
