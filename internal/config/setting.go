package config

import "strings"

// Setting is one declared setting. Its methods refine the declaration and
// return the setting, so that they can follow it on the same line.
type Setting struct {
	name        string
	short       string // a flag of one letter, "-f"; may be ""
	group       string
	meaning     string
	placeholder string // what the help writes for the value; "" for a switch
	limits      string // what the help says about the values allowed
	def         string // the default, as text that store accepts
	defText     string // what the help says instead of def

	required bool
	flagOnly bool // no variable sets it
	list     bool // giving the flag again adds to it
	whole    bool // of a list: what each flag has is one element, commas and all
	toggle   bool // the flag alone means true

	// compute finds the default when neither flag nor variable is set; nil
	// leaves def.
	compute func(env func(string) string) (string, error)

	store func(text string) error // parses the text into the bound variable
	given []string                // what the command line said, in order
	found bool                    // the command line or the environment said something

	lookup      Lookup // what the shell can complete the value to
	paths       string // pathsFiles, pathsFolders: the shell completes a path
	pathsBehind string // what stands before the path in the value
}

// What the hidden command for completion says of a value that is a path.
const (
	pathsFiles   = ":files"
	pathsFolders = ":folders"
)

// Complete says what the shell can complete the value to.
func (t *Setting) Complete(find Lookup) *Setting {
	t.lookup = find
	return t
}

// CompleteFiles has the shell complete the value to a file, if it begins with
// the prefix, and behind that.
func (t *Setting) CompleteFiles(prefix string) *Setting {
	t.paths, t.pathsBehind = pathsFiles, prefix
	return t
}

// wholes separates the elements of a list that are kept whole: arguments have no
// zeros.
const wholes = "\x00"

// Given reports, after [Set.Parse], whether the command line or the environment
// gave a value.
func (t *Setting) Given() bool { return t.found }

// Required refuses a setting that is left without a value: no flag, no
// variable and an empty default.
func (t *Setting) Required() *Setting {
	t.required = true
	return t
}

// Short gives the flag another of one letter.
func (t *Setting) Short(letter string) *Setting {
	t.short = "-" + letter
	return t
}

// DefaultText has the help say something else than the default itself, for a
// default that is worked out later: "host name and process id".
func (t *Setting) DefaultText(text string) *Setting {
	t.defText = text
	return t
}

// Flag returns the flag as it is typed, "--worker-bind".
func (t *Setting) Flag() string { return "--" + t.name }

// Variable returns the environment variable, "FAASD_WORKER_BIND".
func (t *Setting) Variable() string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(t.name, "-", "_"))
}

// Typed reports, after [Set.Parse], whether the command line has the flag.
func (t *Setting) Typed() bool { return len(t.given) > 0 }

// Default returns the default as the help shows it; "" if there is none.
func (t *Setting) Default() string {
	if t.defText != "" {
		return t.defText
	}
	return t.def
}

// Meaning returns what the setting is for.
func (t *Setting) Meaning() string { return t.meaning }

// resolve stores the value by precedence: flag, environment, default.
func (t *Setting) resolve(env func(string) string) error {
	if len(t.given) > 0 {
		t.found = true
		text := t.given[len(t.given)-1]
		if t.list {
			separator := ","
			if t.whole {
				separator = wholes
			}
			text = strings.Join(t.given, separator)
		}
		return t.storeFrom(t.Flag(), text)
	}
	if text := env(t.Variable()); text != "" && !t.flagOnly {
		t.found = true
		return t.storeFrom(t.Variable(), text)
	}
	def := t.def
	var cause error
	if t.compute != nil {
		if def, cause = t.compute(env); cause == nil {
			return t.storeFrom("default of "+t.Flag(), def)
		}
	}
	if t.required && def == "" {
		if cause != nil {
			return Usagef("%s is not set, and %w: give %[1]s %[3]s or set %[4]s", t.Flag(), cause, t.placeholder, t.Variable())
		}
		return Usagef("%s is not set: give %[1]s %s or set %s", t.Flag(), t.placeholder, t.Variable())
	}
	return nil
}

func (t *Setting) storeFrom(source, text string) error {
	if t.required && text == "" {
		return &ValueError{Source: source, Err: errEmpty}
	}
	if err := t.store(text); err != nil {
		return &ValueError{Source: source, Value: text, Err: err}
	}
	return nil
}
