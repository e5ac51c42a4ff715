package registry

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// bootstrap is the program that AWS Lambda starts on its runtimes for any
// executable.
const bootstrap = "bootstrap"

// favourites are the programs that are meant where there are several, without
// what is behind the dot.
var favourites = []string{"handler", "main"}

// interpreters run files by what is behind the dot of their names.
var interpreters = map[string]string{
	".sh": "sh", ".py": "python3", ".js": "node", ".mjs": "node", ".rb": "ruby", ".pl": "perl", ".php": "php", ".lua": "lua",
}

// managed are files that only run in a runtime that AWS Lambda brings.
var managed = []string{"lambda_function.py", "index.js", "index.mjs"}

// sources are files that stand for a program that is to be built, and how.
var sources = []struct{ file, build string }{
	{"go.mod", "CGO_ENABLED=0 go build -o bootstrap . for the kind lambda or exec, GOOS=wasip1 GOARCH=wasm go build -o main.wasm . for wasm"},
	{"main.go", "CGO_ENABLED=0 go build -o bootstrap main.go for the kind lambda or exec, GOOS=wasip1 GOARCH=wasm go build -o main.wasm main.go for wasm"},
	{"Cargo.toml", "cargo build --release, and copy the program beside it"},
}

var errNoKind = errors.New("write --kind lambda, exec or wasm, and --command if the program is none of those that are looked for")

// Guess is what a package looks like.
type Guess struct {
	Kind    Kind
	Command []string
	Why     string // for people: "bootstrap is there"
}

// Guess tells from the files at the top how the package is to be run. A kind
// that is given is kept, and only what to run is looked for. What is looked
// for: bootstrap, which is a lambda; a WebAssembly module; a program or script
// that begins with #!; main.sh, handler.py and the like; or whatever is the
// only file. Of several, one named handler or main is meant. What reads
// AWS_LAMBDA_RUNTIME_API is a lambda. Errors wrap ErrPackage and say what was
// looked at.
func (a *Archive) Guess(kind Kind) (Guess, error) {
	if e := a.follow(bootstrap); e != nil && e.mode.IsRegular() && kind != KindWasm {
		p, err := inspect(e)
		if err != nil {
			return Guess{}, err
		}
		if err := p.runnable(""); err != nil {
			return Guess{}, err
		}
		return guessed(kind, KindLambda, bootstrap+" is there", "./"+bootstrap), nil
	}
	found, foreign, err := a.candidates(kind)
	if err != nil {
		return Guess{}, err
	}
	c, ok := choose(found)
	switch {
	case ok:
		return a.guessOf(c, kind)
	case len(found) > 1:
		return Guess{}, badPackage("it has several programs, %s: write --command with the one that is meant, or name it main; %w", named(found), errNoKind)
	case foreign != nil:
		return Guess{}, foreign.runnable("")
	}
	return Guess{}, a.nothing(kind)
}

// guessed makes a guess; the wanted kind, if any, counts.
func guessed(wanted, kind Kind, why string, command ...string) Guess {
	if wanted != "" && wanted != kind {
		kind, why = wanted, "as told"
	}
	return Guess{Kind: kind, Command: command, Why: why}
}

// candidate is a file that might be the function.
type candidate struct {
	program
	interpreter string // runs it, if it does not run by itself
}

// candidates returns the files at the top that could be run as the kind, and a
// program for another system, if there is one.
func (a *Archive) candidates(kind Kind) (found []candidate, foreign *program, err error) {
	files := 0
	for i := range a.entries {
		if a.entries[i].mode.IsRegular() {
			files++
		}
	}
	for i := range a.entries {
		e := &a.entries[i]
		if !e.mode.IsRegular() || strings.Contains(e.name, "/") {
			continue
		}
		p, err := inspect(e)
		if err != nil {
			return nil, nil, err
		}
		c := candidate{program: p}
		stem, ext := split(e.name)
		switch {
		case p.shared():
			continue
		case p.form == formForeign:
			foreign = &p
			continue
		case p.form == formWasm && kind != "" && kind != KindWasm, p.form != formWasm && kind == KindWasm:
			continue
		case p.form == formNone && interpreters[ext] != "" && (files == 1 || slices.Contains(favourites, stem)) && !slices.Contains(managed, e.name):
			c.interpreter = interpreters[ext]
		case p.form == formNone:
			continue
		}
		found = append(found, c)
	}
	return found, foreign, nil
}

// split splits a name at its last dot.
func split(name string) (stem, ext string) {
	ext = path.Ext(name)
	return strings.TrimSuffix(name, ext), ext
}

// choose returns the candidate that is meant: the only one, or the only one with
// a name that says so.
func choose(found []candidate) (candidate, bool) {
	if len(found) == 1 {
		return found[0], true
	}
	for _, name := range favourites {
		var so []candidate
		for _, c := range found {
			if stem, _ := split(c.name); stem == name {
				so = append(so, c)
			}
		}
		if len(so) > 0 {
			return so[0], len(so) == 1
		}
	}
	return candidate{}, false
}

func (a *Archive) guessOf(c candidate, kind Kind) (Guess, error) {
	if c.form == formWasm {
		return guessed(kind, KindWasm, c.name+" is a WebAssembly module", "./"+c.name), c.isModule()
	}
	command, why := []string{"./" + c.name}, c.name+" is a program"
	switch {
	case c.interpreter != "":
		command, why = []string{c.interpreter, c.name}, c.name+" is run by "+c.interpreter
	case c.form == formScript:
		why = c.name + " is a script"
	}
	if c.interpreter == "" {
		if err := c.runnable(""); err != nil {
			return Guess{}, err
		}
	}
	speaks, err := c.speaksRuntime()
	if err != nil {
		return Guess{}, err
	}
	if speaks {
		return guessed(kind, KindLambda, fmt.Sprintf("%s and reads %s", why, runtimeVariable), command...), nil
	}
	return guessed(kind, KindExec, why, command...), nil
}

// nothing says that no program was found, and what may be the reason.
func (a *Archive) nothing(kind Kind) error {
	for _, name := range managed {
		if a.find(name) != nil {
			return badPackage("%s is for a runtime that AWS Lambda brings: add a program named bootstrap, or a script that begins with #!, reads the request from standard input and prints the answer", name)
		}
	}
	for _, name := range []string{bootstrap, "main", "main.wasm", "main.sh", "main.py", "handler"} {
		if folder := a.inFolder(name); folder != "" {
			return badPackage("%s is in the folder %s, and wanted at the top: deploy that folder", name, folder)
		}
	}
	if kind != "" && kind != KindWasm {
		for _, e := range a.entries {
			if !strings.Contains(e.name, "/") && strings.HasSuffix(e.name, ".wasm") {
				return badPackage("%s is a WebAssembly module, and the kind %s runs programs: write --kind wasm, or no --kind", e.name, kind)
			}
		}
	}
	for _, s := range sources {
		if a.find(s.file) == nil {
			continue
		}
		how := s.build
		if a.find("Makefile") != nil {
			how = "make"
		}
		return badPackage("%s is there, and nothing built from it: build it first, by %s", s.file, how)
	}
	if kind == KindWasm {
		return badPackage("there is no WebAssembly module at its top, where there are %s: build one, or name it with --command", a.listed())
	}
	return badPackage("how to run it cannot be told from what is at its top, %s: bootstrap, a WebAssembly module, a program, a script that begins with #!, main.sh and the like are looked for; %w", a.listed(), errNoKind)
}

func named(found []candidate) string {
	const most = 6
	var names []string
	for i, c := range found {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}
