package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "faasd"

// A source is one Go file, parsed.
type source struct {
	path    string // below the root, with slashes
	fset    *token.FileSet
	syntax  *ast.File
	imports []string // as written, without the quotes
}

// pkg is the folder of the file below the root; the root itself is ".".
func (s source) pkg() string { return path.Dir(s.path) }

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func parse(name, text string) (source, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{path: name, fset: fset, syntax: syntax}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}

// sources parses every Go file below root, whatever its build constraints; testdata is not code.
func sources(root string) ([]source, error) {
	var all []source
	err := walk(root, func(name string) error {
		if path.Ext(name) != ".go" || slices.Contains(strings.Split(name, "/"), "testdata") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		s, err := parse(name, string(text))
		all = append(all, s)
		return err
	})
	return all, err
}

// walk calls visit for every file of the project below root: not what git, an editor or the build put there.
func walk(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		hidden := strings.HasPrefix(path.Base(name), ".") && name != "."
		switch {
		case entry.IsDir() && (name == "bin" || name == "dist" || hidden && name != ".ci" && name != ".github"):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		return visit(name)
	})
}

// covers reports whether pattern, a package or a tree that ends in /..., covers the package.
func covers(pattern, pkg string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return pattern == pkg || ok && (pkg == tree || strings.HasPrefix(pkg, tree+"/"))
}

func covered(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) })
}

// find returns the row of a package: the one that names it exactly, else the longest tree above it.
func find(rows []row, pkg string) (row, bool) {
	best, found := row{}, false
	for _, r := range rows {
		if r.pkg == pkg {
			return r, true
		}
		if covers(r.pkg, pkg) && len(r.pkg) > len(best.pkg) {
			best, found = r, true
		}
	}
	return best, found
}

// own turns an import path into a package of this module; ok is false for packages of others.
func own(imported string) (pkg string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// checkImports holds the main module's files against the table and the rules on other people's modules.
func checkImports(files []source) (broken []string) {
	for _, f := range files {
		if moduleOf(f.pkg()) != "." {
			continue // see checkOutside
		}
		r, ok := find(table, f.pkg())
		if !ok {
			broken = append(broken, f.path+": package "+f.pkg()+" is not in the import table (internal/lint/table_test.go)")
			continue
		}
		for _, imported := range f.imports {
			if why := judge(f, r, imported); why != "" {
				broken = append(broken, f.path+" imports "+imported+": "+why)
			}
		}
	}
	return broken
}

// judge says what is wrong with an import, or nothing.
func judge(f source, r row, imported string) string {
	pkg, ok := own(imported)
	if !ok {
		for _, o := range outside {
			if covers(o.module+"/...", imported) && !covered(o.users, f.pkg()) {
				return "only " + strings.Join(o.users, ", ") + " may"
			}
		}
		return ""
	}
	from, to := roleOf(f.pkg()), roleOf(pkg)
	switch {
	case from != "" && to != "" && from != to:
		return "roles never import each other"
	case covered(r.may, pkg), covers(r.pkg, pkg):
		return ""
	case f.test() && covered(forTests, pkg):
		return ""
	}
	return "the row of " + r.pkg + " in the import table does not allow it"
}

// roleOf returns the role whose code a package is, or nothing.
func roleOf(pkg string) string {
	for _, r := range roles {
		if covers(r, pkg) {
			return r
		}
	}
	return ""
}

// moduleOf returns the folder of the module that a package belongs to; the product's is ".".
func moduleOf(pkg string) string {
	for _, m := range modules {
		if covers(m.folder+"/...", pkg) {
			return m.folder
		}
	}
	return "."
}

// checkOutside keeps the other modules outside of the product.
func checkOutside(files []source) (broken []string) {
	for _, f := range files {
		from := moduleOf(f.pkg())
		if from == "." {
			continue
		}
		for _, imported := range f.imports {
			if pkg, ok := own(imported); ok && moduleOf(pkg) != from {
				i := slices.IndexFunc(modules, func(m outsider) bool { return m.folder == from })
				broken = append(broken, f.path+" imports "+imported+": "+modules[i].why)
			}
		}
	}
	return broken
}

// checkReach follows the imports of each program named in unreachable, tests apart, and reports forbidden ends with the
// way there.
func checkReach(files []source) (broken []string) {
	imports := map[string][]string{} // by package, names of this module shortened
	for _, f := range files {
		if f.test() {
			continue
		}
		for _, imported := range f.imports {
			if pkg, ok := own(imported); ok {
				imported = pkg
			}
			imports[f.pkg()] = append(imports[f.pkg()], imported)
		}
	}
	for _, u := range unreachable {
		seen := map[string]bool{}
		var follow func(pkg, way string)
		follow = func(pkg, way string) {
			if seen[pkg] {
				return
			}
			seen[pkg] = true
			if covered(u.never, pkg) && !covered(u.but, pkg) {
				broken = append(broken, u.program+" must not link "+pkg+": "+way)
				return
			}
			for _, next := range imports[pkg] {
				follow(next, way+" → "+next)
			}
		}
		follow(u.program, u.program)
	}
	return broken
}
