package wire

import (
	"fmt"
	"strings"
)

// MaxName is the longest name of a role, worker or function, in bytes.
const MaxName = 64

// ValidName reports whether s can name a role, worker or function:
// [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// Plural counts things in words: "1 job", "2 jobs".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Cut shortens a text for people to so many bytes, 3 or more, in whole characters,
// with "…" at its end if something is missing.
func Cut(text string, most int) string {
	const more = "…"
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}
