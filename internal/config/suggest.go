package config

import "strings"

// closest returns the candidate that typed was probably meant to be, or "".
// It forgives case, "_" for "-", an unfinished word, and about one mistake in
// three characters.
func closest(typed string, candidates []string) string {
	typed = strings.ReplaceAll(strings.ToLower(strings.TrimLeft(typed, "-")), "_", "-")
	if typed == "" {
		return ""
	}
	best, bestDistance := "", max(1, len(typed)/3)+1
	for _, c := range candidates {
		if d := distance(typed, strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return best
	}
	for _, c := range candidates {
		if len(typed) > 1 && strings.HasPrefix(c, typed) {
			return c
		}
	}
	return ""
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func distance(a, b string) int {
	var (
		before = make([]int, len(b)+1) // the row for a[:i-2]
		above  = make([]int, len(b)+1) // the row for a[:i-1]
		row    = make([]int, len(b)+1)
	)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
