package wire

import (
	"reflect"
	"strings"
	"testing"
)

const someDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestFetchesComeBackAsTheyWereWritten(t *testing.T) {
	for _, f := range []Fetch{
		{Command: FetchGet, Number: 1, Digest: someDigest, Offset: 1 << 40},
		{Command: FetchChunk, Number: 2, Size: 5, Bytes: []byte("bytes")},
		{Command: FetchChunk, Number: 3, Bytes: []byte{}},
		{Command: FetchNone, Number: 4, Reason: "it is not there"},
	} {
		got, err := DecodeFetch(f.Frames())
		if err != nil || !reflect.DeepEqual(*got, f) {
			t.Errorf("%+v comes back as %+v, %v", f, got, err)
		}
	}
}

func FuzzDecodeFetch(f *testing.F) {
	f.Add([]byte(FetchGet), []byte("1"), []byte(someDigest), []byte("0"))
	f.Add([]byte(FetchChunk), []byte("1"), []byte("5"), []byte("bytes"))
	f.Add([]byte(FetchNone), []byte("1"), []byte("why"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b, c, d []byte) {
		for _, frames := range [][][]byte{{a, b, c}, {a, b, c, d}} {
			got, err := DecodeFetch(frames)
			if err != nil {
				continue
			}
			again, err := DecodeFetch(got.Frames())
			if err != nil || !reflect.DeepEqual(got, again) {
				t.Fatalf("%+v comes back as %+v, %v", got, again, err)
			}
		}
	})
}

func TestACatalogueThatCannotBeIsRefused(t *testing.T) {
	good := func() *Catalogue {
		return &Catalogue{Store: 1, Revision: 1, Functions: []Deployed{{Name: "f", Current: 1, Versions: []FunctionVersion{
			{Number: 1, State: VersionReady, Manifest: someDigest, Kind: "exec"},
		}}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Catalogue){
		"no store":          func(c *Catalogue) { c.Store = 0 },
		"a bad name":        func(c *Catalogue) { c.Functions[0].Name = "metrics" },
		"too many":          func(c *Catalogue) { c.Functions = make([]Deployed, MaxDeployed+1) },
		"too many versions": func(c *Catalogue) { c.Functions[0].Versions = make([]FunctionVersion, MaxVersions+1) },
		"version 0":         func(c *Catalogue) { c.Functions[0].Versions[0].Number = 0 },
		"a bad state":       func(c *Catalogue) { c.Functions[0].Versions[0].State = "good" },
		"a bad digest":      func(c *Catalogue) { c.Functions[0].Versions[0].Manifest = strings.ToUpper(someDigest) },
		"a bad kind":        func(c *Catalogue) { c.Functions[0].Versions[0].Kind = "" },
		"a negative time":   func(c *Catalogue) { c.Functions[0].Versions[0].TimeoutMillis = -1 },
	} {
		c := good()
		spoil(c)
		if c.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestTheNewerCatalogueIsTheSameForAll(t *testing.T) {
	old, newer, other := &Catalogue{Store: 1, Revision: 1}, &Catalogue{Store: 1, Revision: 2}, &Catalogue{Store: 2, Revision: 2}
	if !old.Newer(nil) || !newer.Newer(old) || old.Newer(newer) || newer.Newer(newer) || newer.Newer(other) == other.Newer(newer) {
		t.Error("not so")
	}
}
