package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is how values of one type are read and written.
type kind[T any] struct {
	placeholder string
	limits      string
	parse       func(string) (T, error)
	format      func(T) string
}

func itself(text string) string { return text }

// String declares a setting that takes any text. The placeholder stands for
// the value in the help: "FILE".
func (s *Set) String(p *string, name, def, placeholder, meaning string) *Setting {
	parse := func(text string) (string, error) { return text, nil }
	return declare(s, p, name, def, kind[string]{placeholder, "", parse, itself}, meaning)
}

// Strings declares a comma-separated list. No element may be empty or given
// twice. Repeating the flag adds to the list.
func (s *Set) Strings(p *[]string, name string, def []string, placeholder, meaning string) *Setting {
	return s.list(p, name, def, placeholder, meaning, func(string) error { return nil })
}

// Texts declares a list each of whose elements is a flag of its own, and may have
// commas. No variable sets it.
func (s *Set) Texts(p *[]string, name, placeholder, meaning string) *Setting {
	parse := func(text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		return strings.Split(text, wholes), nil
	}
	format := func(list []string) string { return strings.Join(list, wholes) }
	t := declare(s, p, name, nil, kind[[]string]{placeholder, "", parse, format}, meaning)
	t.list, t.whole, t.flagOnly = true, true, true
	return t
}

// Int declares a whole number from lowest to highest.
func (s *Set) Int(p *int, name string, def, lowest, highest int, meaning string) *Setting {
	k := kind[int]{"N", limits(lowest, highest, math.MaxInt, strconv.Itoa), nil, strconv.Itoa}
	k.parse = func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < lowest || n > highest {
			return 0, fmt.Errorf("not a whole number in range: write %s", k.limits)
		}
		return n, nil
	}
	return declare(s, p, name, def, k, meaning)
}

// Bytes declares a size from lowest to highest bytes, written as [ParseBytes] says.
func (s *Set) Bytes(p *int64, name string, def, lowest, highest int64, meaning string) *Setting {
	k := kind[int64]{"SIZE", limits(lowest, highest, math.MaxInt64, FormatBytes), nil, FormatBytes}
	k.parse = func(text string) (int64, error) {
		n, err := ParseBytes(text)
		if err == nil && (n < lowest || n > highest) {
			err = fmt.Errorf("size out of range: write %s", k.limits)
		}
		return n, err
	}
	return declare(s, p, name, def, k, meaning)
}

// Duration declares a duration from lowest to highest, written as
// [time.ParseDuration] reads it: "1m30s".
func (s *Set) Duration(p *time.Duration, name string, def, lowest, highest time.Duration, meaning string) *Setting {
	k := kind[time.Duration]{"DURATION", limits(lowest, highest, math.MaxInt64, formatDuration), nil, formatDuration}
	k.parse = func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, errors.New("not a duration: write a number and a unit, such as 500ms, 60s or 1h30m")
		case d < lowest || d > highest:
			return 0, fmt.Errorf("duration out of range: write %s", k.limits)
		}
		return d, nil
	}
	return declare(s, p, name, def, k, meaning)
}

// Bool declares a switch: the flag alone means true, --flag=false means false.
// The variable takes true, false, 1 or 0.
func (s *Set) Bool(p *bool, name string, def bool, meaning string) *Setting {
	parse := func(text string) (bool, error) {
		v, err := strconv.ParseBool(text)
		if err != nil {
			return false, errors.New("neither true nor false: write true, false, 1 or 0")
		}
		return v, nil
	}
	t := declare(s, p, name, def, kind[bool]{"", "", parse, strconv.FormatBool}, meaning)
	t.toggle = true
	return t
}

// Enum declares a setting that takes one of the choices. It may be empty only
// where the default is.
func (s *Set) Enum(p *string, name, def string, choices []string, meaning string) *Setting {
	k := kind[string]{"NAME", strings.Join(choices, ", "), nil, itself}
	k.parse = func(text string) (string, error) {
		if slices.Contains(choices, text) || text == "" && def == "" {
			return text, nil
		}
		if meant := closest(text, choices); meant != "" {
			return "", fmt.Errorf("no such choice: did you mean %s? write one of %s", meant, k.limits)
		}
		return "", fmt.Errorf("no such choice: write one of %s", k.limits)
	}
	return declare(s, p, name, def, k, meaning).Complete(Fixed(choices...))
}

// Name declares the name of a role, worker or function; see [ValidName]. It
// may be empty only where the default is.
func (s *Set) Name(p *string, name, def, meaning string) *Setting {
	return s.checked(p, name, def, "NAME", meaning, ValidName)
}

// Bind declares an endpoint to bind; see [ValidBind]. It may be empty only
// where the default is.
func (s *Set) Bind(p *string, name, def, meaning string) *Setting {
	return s.checked(p, name, def, "ENDPOINT", meaning, ValidBind)
}

// Endpoint declares an endpoint that others are to reach or connect to; see
// [ValidEndpoint]. It may be empty only where the default is.
func (s *Set) Endpoint(p *string, name, def, meaning string) *Setting {
	return s.checked(p, name, def, "ENDPOINT", meaning, ValidEndpoint)
}

// Endpoints declares a comma-separated list of endpoints to connect to; see
// [ValidEndpoint]. Repeating the flag adds to the list.
func (s *Set) Endpoints(p *[]string, name string, def []string, meaning string) *Setting {
	return s.list(p, name, def, "ENDPOINT[,…]", meaning, ValidEndpoint)
}

// HTTPAddr declares an address to serve HTTP on; see [ValidHTTPAddr]. It may
// be empty only where the default is.
func (s *Set) HTTPAddr(p *string, name, def, meaning string) *Setting {
	return s.checked(p, name, def, "ADDR", meaning, ValidHTTPAddr)
}

// DataDir declares --data, the data folder of faasd up, whose default is
// [DataDir]. Where the environment names no home the value stays empty, unless
// the setting is [Setting.Required].
func (s *Set) DataDir(p *string, meaning string) *Setting {
	t := s.String(p, "data", "", "DIR", meaning).DefaultText("$XDG_STATE_HOME/faasd")
	t.compute = DataDir
	t.paths = pathsFolders
	return t
}

func (s *Set) checked(p *string, name, def, placeholder, meaning string, check func(string) error) *Setting {
	parse := func(text string) (string, error) {
		if text == "" && def == "" {
			return "", nil
		}
		return text, check(text)
	}
	return declare(s, p, name, def, kind[string]{placeholder, "", parse, itself}, meaning)
}

func (s *Set) list(p *[]string, name string, def []string, placeholder, meaning string, check func(string) error) *Setting {
	parse := func(text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		list := strings.Split(text, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
			if list[i] == "" {
				return nil, errEmptyElement
			}
			if slices.Contains(list[:i], list[i]) {
				return nil, fmt.Errorf("%q is in the list twice: name each once", list[i])
			}
			if err := check(list[i]); err != nil {
				if len(list) > 1 {
					err = fmt.Errorf("%q: %w", list[i], err)
				}
				return nil, err
			}
		}
		return list, nil
	}
	format := func(list []string) string { return strings.Join(list, ",") }
	t := declare(s, p, name, def, kind[[]string]{placeholder, "", parse, format}, meaning)
	t.list = true
	return t
}

// ByFunction is a number for all functions and others for some.
type ByFunction struct {
	All int
	Of  map[string]int // by name; nil if there are none
}

// For returns the number that is a function's.
func (n ByFunction) For(function string) int {
	if own, ok := n.Of[function]; ok {
		return own
	}
	return n.All
}

// add notes a function's own number.
func (n *ByFunction) add(function, value string, number func(string) (int, error)) error {
	if err := ValidName(function); err != nil {
		return fmt.Errorf("%q: %w", function, err)
	}
	if _, twice := n.Of[function]; twice {
		return fmt.Errorf("%q is in the list twice: name each once", function)
	}
	v, err := number(value)
	if err != nil {
		return fmt.Errorf("%s=: %w", function, err)
	}
	if n.Of == nil {
		n.Of = make(map[string]int)
	}
	n.Of[function] = v
	return nil
}

// ByFunction declares a whole number from lowest to highest for all functions,
// and behind commas others for some: "3,resize=1,mail=5". What is left out for
// all is the default. Repeating the flag adds to the list.
func (s *Set) ByFunction(p *ByFunction, name string, def, lowest, highest int, meaning string) *Setting {
	k := kind[ByFunction]{"N[,NAME=N…]", limits(lowest, highest, math.MaxInt, strconv.Itoa), nil, nil}
	number := func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < lowest || n > highest {
			return 0, fmt.Errorf("%q is not a whole number in range: write %s", text, k.limits)
		}
		return n, nil
	}
	k.parse = func(text string) (n ByFunction, err error) {
		n.All = def
		all := ""
		for _, part := range strings.Split(text, ",") {
			part = strings.TrimSpace(part)
			function, value, own := strings.Cut(part, "=")
			switch {
			case text == "":
				return n, errEmpty
			case part == "":
				return n, errEmptyElement
			case own:
				if err := n.add(function, value, number); err != nil {
					return n, err
				}
			case ValidName(part) == nil && strings.Trim(part, "0123456789") != "":
				return n, fmt.Errorf("%q is not a whole number: write %s for all functions, or %s=N for that one", part, k.limits, part)
			case all != "":
				return n, fmt.Errorf("%s and %s are both for all functions: write one, and NAME=N for those that have their own", all, part)
			default:
				if n.All, err = number(part); err != nil {
					return n, err
				}
				all = part
			}
		}
		return n, nil
	}
	k.format = func(n ByFunction) string {
		parts := []string{strconv.Itoa(n.All)}
		for _, function := range slices.Sorted(maps.Keys(n.Of)) {
			parts = append(parts, function+"="+strconv.Itoa(n.Of[function]))
		}
		return strings.Join(parts, ",")
	}
	t := declare(s, p, name, ByFunction{All: def}, k, meaning)
	t.list = true
	return t
}

// limits words a range for the help and for errors. A highest of none means that
// there is no upper bound.
func limits[T int | int64 | time.Duration](lowest, highest, none T, format func(T) string) string {
	if highest == none {
		return format(lowest) + " or more"
	}
	return format(lowest) + " to " + format(highest)
}

// formatDuration is [time.Duration.String] without the zeros at its end: "1m",
// not "1m0s".
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
