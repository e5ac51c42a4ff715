package config

import (
	"strings"
	"unicode"
)

// Printable returns the text with a "?" for each character that a terminal
// would not show but act on. What came over the network goes through it.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
