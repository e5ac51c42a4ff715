package lambda

import (
	"regexp"

	"faasd/internal/wire"
)

// reference is the pattern by which AWS takes a function's name: alone, as an ARN
// or the end of one, and with or without a qualifier. Region and account say
// nothing here.
var reference = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?([^:]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// parse reads a function's name and its qualifier, "" if there is none.
func parse(s string) (name, qualifier string, ok bool) {
	m := reference.FindStringSubmatch(s)
	if m == nil || !wire.ValidName(m[1]) {
		return "", "", false
	}
	return m[1], m[2], true
}
