package httpcall

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var (
	typeInCode = regexp.MustCompile(`\b(?:Type: |p\.Type\b.* = |Type[A-Z]\w+ += )"([a-z-]+)"`)
	typeInDoc  = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| \\d{3} \\|")
)

// Programs act on the types: docs/SETTINGS.md lists all that there are.
func TestEveryTypeOfProblemIsDocumented(t *testing.T) {
	read := func(re *regexp.Regexp, glob string) (types []string) {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllStringSubmatch(string(text), -1) {
				types = append(types, m[1])
			}
		}
		slices.Sort(types)
		return slices.Compact(types)
	}
	code := read(typeInCode, "../*/*.go")
	if doc := read(typeInDoc, "../../../docs/SETTINGS.md"); !slices.Equal(doc, code) {
		t.Errorf("docs/SETTINGS.md has the types\n%q, the code\n%q", doc, code)
	}
}
