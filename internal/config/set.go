// Package config is what faasd and faasctl share in front of their work:
// every setting, declared once as a flag with a default, an environment
// variable and a line of help; the rules for names, endpoints, sizes and
// durations; and [Main], which picks a command, runs it until it is done or a
// signal comes, and turns its error into one line and an exit code.
//
// A flag beats the environment, the environment beats the default. An empty
// variable counts as unset. What cannot be used is refused before anything is
// started, with one error that says what failed, on what, and what to do.
package config

import (
	"fmt"
	"slices"
	"strings"
)

// Prefix begins the name of every environment variable that faasd reads.
const Prefix = "FAASD_"

// Doc is what the help says about a command apart from its settings.
type Doc struct {
	// Name is the command as typed after the program's name: "broker".
	Name string
	// Summary is one line, without a full stop.
	Summary string
	// Description is optional; its paragraphs are separated by empty lines.
	Description string
	// Examples are command lines that work as they stand. A line may start
	// with "#" to say what the next one is for.
	Examples []string
}

// Set is the settings of one command. Each declaration binds a setting to a
// variable of the caller's, which holds the default at once and, after
// [Set.Parse], the value to use. A declaration that makes no sense (a name
// used twice, a default that its own rule refuses) panics.
type Set struct {
	doc      Doc
	program  string // set by Main, which knows what the user typed
	group    string // heading of the settings declared next
	settings []*Setting
	operands Operands
}

// Operands is what a command takes besides flags. The zero value is nothing.
type Operands struct {
	into     *[]string
	synopsis string
	least    int
	most     int // below zero: any number
	lookups  []Lookup
	files    int // operands before the first that is a path; 0: none is
}

// Complete says what the shell can complete operands to: the first operand to
// what the first lookup finds, and so on; the last lookup is for all that
// follow too. Nil offers nothing.
func (o *Operands) Complete(lookups ...Lookup) { o.lookups = lookups }

// CompleteFiles has the shell complete operands to files once there are so many
// others.
func (o *Operands) CompleteFiles(behind int) { o.files = behind }

// NewSet returns a set without settings.
func NewSet(doc Doc) *Set {
	return &Set{doc: doc, group: "Flags"}
}

// FlagsOnly says that no variable of the environment sets what has been declared
// so far: a command that is typed now does not want yesterday's answers.
func (s *Set) FlagsOnly() {
	for _, t := range s.settings {
		t.flagOnly = true
	}
}

// Group puts the settings declared from here on under a heading of their own
// in the help.
func (s *Set) Group(heading string) { s.group = heading }

// Operands says that the command takes from least to most arguments besides
// its flags, before, between or after them, or behind "--". A most below zero
// means any number. The synopsis stands in the usage line: "FUNCTION [FILE]".
func (s *Set) Operands(p *[]string, synopsis string, least, most int) *Operands {
	s.operands = Operands{into: p, synopsis: synopsis, least: least, most: most}
	return &s.operands
}

// Doc returns what the set was made with.
func (s *Set) Doc() Doc { return s.doc }

// Settings returns the settings in the order of their declaration.
func (s *Set) Settings() []*Setting { return slices.Clone(s.settings) }

// Parse reads the arguments (without the program's and the command's names)
// and the environment into the variables that the settings are bound to. It is
// called once. Its errors are [ErrHelp], one that wraps [ErrUsage], or a
// [*ValueError]; after any of them the variables are not to be used.
func (s *Set) Parse(args []string, env func(string) string) error {
	operands, unfinished, err := s.takeFlags(args)
	if err != nil {
		return err
	}
	if unfinished != nil {
		return Usagef("%s needs a value: write %s%s", unfinished.Flag(), unfinished.synopsis(), s.seeHelp())
	}
	if err := s.takeOperands(operands); err != nil {
		return err
	}
	for _, t := range s.settings {
		if err := t.resolve(env); err != nil {
			return err
		}
	}
	return nil
}

// takeFlags notes in each setting what the arguments give it and returns those
// that are no flags, and the flag that the arguments end with, if its value is
// missing. Values are judged afterwards in resolve, where those from
// the environment are judged too, so that both are refused in the same words.
func (s *Set) takeFlags(args []string) (operands []string, unfinished *Setting, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(operands, args...), nil, nil
		case arg == "--help" || arg == "-h":
			return nil, nil, ErrHelp
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			operands = append(operands, arg)
			continue
		}
		flag, value, hasValue := strings.Cut(arg, "=")
		t := s.setting(flag)
		switch {
		case t == nil:
			return nil, nil, s.unknownFlag(flag)
		case hasValue:
		case t.toggle:
			value = "true"
		case len(args) == 0:
			return operands, t, nil
		default:
			value, args = args[0], args[1:]
		}
		t.given = append(t.given, value)
	}
	return operands, nil, nil
}

// setting returns the setting of a flag, nil if there is none.
func (s *Set) setting(flag string) *Setting {
	for _, t := range s.settings {
		if t.Flag() == flag || t.short != "" && t.short == flag {
			return t
		}
	}
	return nil
}

func (s *Set) unknownFlag(flag string) error {
	var names []string
	for _, t := range s.settings {
		names = append(names, t.name)
	}
	if meant := closest(flag, names); meant != "" {
		return Usagef("unknown flag %s: did you mean --%s?%s", flag, meant, s.seeHelp())
	}
	return Usagef("unknown flag %s%s", flag, s.seeHelp())
}

func (s *Set) takeOperands(args []string) error {
	o := s.operands
	switch {
	case o.into == nil && len(args) > 0:
		return Usagef("unexpected argument %q: every setting is a flag%s", args[0], s.seeHelp())
	case o.into == nil:
		return nil
	case len(args) < o.least:
		return Usagef("missing argument: write %s%s", s.usageLine(), s.seeHelp())
	case o.most >= 0 && len(args) > o.most:
		return Usagef("unexpected argument %q: write %s%s", args[o.most], s.usageLine(), s.seeHelp())
	}
	*o.into = args
	return nil
}

// declare adds a setting to the set. The default is held to the same rule as
// any other value, by way of its text.
func declare[T any](s *Set, p *T, name string, def T, k kind[T], meaning string) *Setting {
	t := &Setting{
		name: name, group: s.group, meaning: meaning,
		placeholder: k.placeholder, limits: k.limits, def: k.format(def),
	}
	t.store = func(text string) error {
		v, err := k.parse(text)
		if err != nil {
			return err
		}
		*p = v
		return nil
	}
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		panic(fmt.Sprintf("config: %q cannot be a flag", name))
	}
	if name == "help" || s.setting(t.Flag()) != nil {
		panic(fmt.Sprintf("config: --%s declared twice", name))
	}
	if err := t.store(t.def); err != nil {
		panic(fmt.Sprintf("config: default of --%s: %q: %v", name, t.def, err))
	}
	*p = def // not the parsed copy, so that a nil list stays nil
	s.settings = append(s.settings, t)
	return t
}
