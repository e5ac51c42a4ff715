package registry

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestACatalogueThatCannotBeReadIsToldFromOneThatIsTorn(t *testing.T) {
	path := t.TempDir()
	s := openStage(t, path)
	s.deploy("resize", "one")
	whole, err := os.ReadFile(s.name(catalogueFile))
	check(t, err)
	check(t, s.Close())
	replaced := func(from, to string) []byte { return bytes.Replace(whole, []byte(from), []byte(to), 1) }
	for name, tt := range map[string]struct {
		text []byte
		want string
	}{
		"cut":         {whole[:len(whole)/2], "torn: it ends in its middle"},
		"cut at once": {whole[:5], "torn"},
		"empty":       {nil, "torn: nothing"},
		"zeros":       {make([]byte, len(whole)), "torn: nothing"},
		"changed":     {replaced("resize", "upsize"), "damaged, or changed by hand"},
		"flipped":     {replaced(`"functions"`, "\x01functions\""), "damaged"},
		"newer":       {replaced(`"format":1`, `"format":2`), "written by a newer faasd"},
		"no format":   {[]byte("{}"), "damaged"},
		"other JSON":  {[]byte("[]"), "damaged"},
	} {
		check(t, os.WriteFile(s.name(catalogueFile), tt.text, 0o600))
		if f, err := OpenFolder(path); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v, want %s", name, f, err, tt.want)
		}
		if left, err := os.ReadFile(s.name(catalogueFile)); err != nil || !bytes.Equal(left, tt.text) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for i := range whole {
		if _, err := decodeCatalogue(whole[:i]); i < len(whole)-1 && (err == nil || !strings.Contains(err.Error(), "torn")) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

func FuzzDecodeCatalogue(f *testing.F) {
	f.Add(encodeCatalogue(&Catalogue{Store: "s", Revision: 3, Functions: []Function{{Name: "f<", Current: 1, Versions: []Version{{Number: 1}}}}}))
	f.Add([]byte(`{"format":1,"sha256":"","catalogue":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decodeCatalogue(text)
		if err != nil {
			return
		}
		if back, err := decodeCatalogue(encodeCatalogue(c)); err != nil || back.Revision != c.Revision || len(back.Functions) != len(c.Functions) {
			t.Errorf("%+v is read back as %+v, %v", c, back, err)
		}
	})
}
