package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// reserved are the first path elements of the frontend's own routes
// (docs/ARCHITECTURE.md), which a function of the same name would hide.
var reserved = []string{
	"2015-03-31", "async-function", "function", "functions", "healthz", "jobs", "metrics", "readyz",
}

// ValidName returns nil if text can name a role, a worker or a function: a
// letter or digit, then up to 63 letters, digits, dots, underscores or
// hyphens, and none of the frontend's own routes.
func ValidName(text string) error {
	if !nameRule.MatchString(text) {
		return errors.New("not a name: write 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit")
	}
	if slices.Contains(reserved, text) {
		return fmt.Errorf("a route of the frontend: write a name other than %s", strings.Join(reserved, ", "))
	}
	return nil
}

// QueueName returns the name of the i-th queue, counted from 0: queueA, …,
// queueZ, queueAA, queueAB, …
func QueueName(i int) string {
	suffix := ""
	for ; i >= 0; i = i/26 - 1 {
		suffix = string(rune('A'+i%26)) + suffix
	}
	return "queue" + suffix
}
