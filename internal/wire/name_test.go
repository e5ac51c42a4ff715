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
