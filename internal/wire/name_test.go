package wire

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, good := range []string{
		"a", "Z", "0", "queueA", "queueAA", "worker-1", "a.b_c-d", "a..", "9-", strings.Repeat("n", MaxName),
	} {
		if !ValidName(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", ".", ".a", "-a", "_a", "a/b", "a b", " a", "a ", "a\n", "a\x00", "ñ", "aé", "a:b", "a*", "a@b", "a[b", "a`", "a{",
		strings.Repeat("n", MaxName+1),
	} {
		if ValidName(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestCutTextsAreWholeCharactersWithinTheirBound(t *testing.T) {
	for _, tt := range []struct {
		text string
		most int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "lo…"}, {"aäöü", 6, "aä…"}, {"aäöü", 5, "a…"}, {"", 3, ""}, {"abcd", 3, "…"},
	} {
		if got := Cut(tt.text, tt.most); got != tt.want || len(got) > tt.most {
			t.Errorf("%q cut to %d bytes is %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}
