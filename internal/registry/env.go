package registry

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"faasd/internal/config"
)

var variableRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reservedPrefixes begin the variables that the worker itself sets.
var reservedPrefixes = []string{"AWS_LAMBDA_", "LAMBDA_", "FAASD_"}

const (
	handlerVariable = "_HANDLER"
	maxVariable     = 256 // bytes of a name
)

// validVariable returns nil if a function may be given the variable.
func validVariable(name string) error {
	if len(name) > maxVariable || !variableRule.MatchString(name) {
		return fmt.Errorf("variable %.80q: write letters, digits and underscores, beginning with no digit", name)
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("variable %.80s: what begins with %s is set by the worker", name, prefix)
		}
	}
	if name == handlerVariable {
		return fmt.Errorf("variable %s is set by the worker: write the handler instead", name)
	}
	return nil
}

func validateEnv(env map[string]string) error {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if err := validVariable(name); err != nil {
			return badManifest("%w", err)
		}
		value := env[name]
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return badManifest("the value of variable %s is not UTF-8 without zeros", name)
		}
		size += len(name) + 1 + len(value) + 1
	}
	if size > MaxEnv {
		return badManifest("an environment of %d bytes: it may have %s; put the rest into a file of the package", size, config.FormatBytes(MaxEnv))
	}
	return nil
}

// ParseEnvFile reads a file of variables. The rules are those of docker run
// --env-file: one NAME=VALUE a line; white space before the name, empty lines
// and lines that begin with # are skipped; the value is all behind the first =,
// as it stands, with # and white space; a name alone takes its value from
// outer, the environment of who deploys; the last of several counts.
//
// Two things are not docker run's. A value in quotes loses them, as in docker
// compose: nothing is special in single ones, while \n, \t, \", \\ and \$ are in
// double ones; white space may follow. And a name alone that outer does not
// have is an error, since a function that lacks a variable fails later.
//
// Errors begin with name, the file's, and the line.
func ParseEnvFile(name string, text []byte, outer func(string) (string, bool)) (map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%s: not UTF-8", name)
	}
	env := make(map[string]string)
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	for i, line := range lines {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		variable, value, err := parseVariable(line, outer)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		env[variable] = value
	}
	return env, nil
}

func parseVariable(line string, outer func(string) (string, bool)) (name, value string, err error) {
	name, value, assigned := strings.Cut(line, "=")
	if !assigned {
		name = strings.TrimRight(name, " \t")
	}
	if strings.HasPrefix(name, "export ") {
		return "", "", errors.New("export is for shells: write NAME=VALUE alone")
	}
	if err := validVariable(name); err != nil {
		return "", "", err
	}
	if !assigned {
		value, ok := outer(name)
		if !ok {
			return "", "", fmt.Errorf("variable %s has no value here and none in the environment of this command: write %s=VALUE", name, name)
		}
		return name, value, nil
	}
	value, err = unquote(value)
	if err != nil {
		err = fmt.Errorf("variable %s: %w", name, err)
	}
	return name, value, err
}

// unquote takes the quotes off a value that is in some.
func unquote(value string) (string, error) {
	if value == "" || value[0] != '\'' && value[0] != '"' {
		return value, nil
	}
	quote, rest := value[0], strings.TrimRight(value[1:], " \t")
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == quote && i == len(rest)-1:
			return b.String(), nil
		case c == quote:
			return "", fmt.Errorf("something follows the closing %c: put the whole value in quotes, or none of it", quote)
		case c == '\\' && quote == '"' && i+1 < len(rest):
			if at := strings.IndexByte(`nt"\$`, rest[i+1]); at >= 0 {
				c = "\n\t\"\\$"[at]
				i++
			}
		}
		b.WriteByte(c)
	}
	return "", fmt.Errorf("the closing %c is missing: values end on their line", quote)
}
