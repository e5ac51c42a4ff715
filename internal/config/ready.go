package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Ready is what a role says on standard output once all its sockets are bound,
// as one line:
//
//	ready broker name=broker1 frontends=tcp://127.0.0.1:8009 workers=tcp://127.0.0.1:8558
//
// Whoever started the process learns from it which ports the kernel picked.
type Ready struct {
	Role  string
	Name  string
	Links map[string]string // endpoint by link: "frontends", "workers", "jobs", …
}

// String returns the line, without its end, links in alphabetical order.
func (r Ready) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ready %s name=%s", r.Role, r.Name)
	for _, link := range slices.Sorted(maps.Keys(r.Links)) {
		fmt.Fprintf(&b, " %s=%s", link, r.Links[link])
	}
	return b.String()
}

// ParseReady reads a line written by [Ready.String]. The boolean says whether
// the line is a ready line at all; the error, what is wrong with one.
func ParseReady(line string) (Ready, bool, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != "ready" {
		return Ready{}, false, nil
	}
	if len(fields) < 3 {
		return Ready{}, true, fmt.Errorf("ready line %q: want a role and name=", line)
	}
	r := Ready{Role: fields[1], Links: make(map[string]string)}
	for i, field := range fields[2:] {
		key, value, ok := strings.Cut(field, "=")
		switch {
		case !ok || key == "" || value == "":
			return Ready{}, true, fmt.Errorf("ready line %q: want key=value, found %q", line, field)
		case (key == "name") != (i == 0):
			return Ready{}, true, fmt.Errorf("ready line %q: want name= once and first", line)
		case key == "name":
			r.Name = value
		case r.Links[key] != "":
			return Ready{}, true, fmt.Errorf("ready line %q: link %q given twice", line, key)
		default:
			r.Links[key] = value
		}
	}
	return r, true, nil
}

const listening = "listening on "

// Listening returns the line, without its end, that a process which serves
// HTTP prints on standard output once the first request can be answered.
func Listening(url string) string { return listening + url }

// ParseListening returns the URL of a line written by [Listening].
func ParseListening(line string) (url string, ok bool) {
	url, ok = strings.CutPrefix(strings.TrimSpace(line), listening)
	return url, ok && strings.HasPrefix(url, "http")
}
