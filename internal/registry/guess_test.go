package registry

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestThePackageSaysHowItIsRun(t *testing.T) {
	speaks := "#!/usr/bin/env python3\nos.environ['AWS_LAMBDA_RUNTIME_API']\n"
	late := aProgram + strings.Repeat("x", 1<<20-len(aProgram)-5) + runtimeVariable // across the window's end
	for name, tt := range map[string]struct {
		files   tree
		wanted  Kind
		kind    Kind
		command []string
	}{
		"bootstrap":              {tree{"x bootstrap": aProgram, "x main": aProgram, "a.wasm": aModule}, "", KindLambda, []string{"./bootstrap"}},
		"bootstrap that links":   {tree{"bootstrap": "→bin/x", "x bin/x": aProgram}, "", KindLambda, []string{"./bootstrap"}},
		"module":                 {tree{"hello.wasm": aModule, "readme.md": "x"}, "", KindWasm, []string{"./hello.wasm"}},
		"module by another name": {tree{"hello": aModule}, "", KindWasm, []string{"./hello"}},
		"program":                {tree{"x hello": aProgram, "lib.so": aProgram, "lib.so.1": aProgram}, "", KindExec, []string{"./hello"}},
		"script":                 {tree{"x hello.sh": "#!/bin/sh\n"}, "", KindExec, []string{"./hello.sh"}},
		"program that speaks":    {tree{"x hello": late}, "", KindLambda, []string{"./hello"}},
		"script that speaks":     {tree{"x app.py": speaks, "lib/x.py": ""}, "", KindLambda, []string{"./app.py"}},
		"main.sh":                {tree{"main.sh": "echo hi", "data": ""}, "", KindExec, []string{"sh", "main.sh"}},
		"handler.py":             {tree{"handler.py": "print(1)", "lib.py": ""}, "", KindExec, []string{"python3", "handler.py"}},
		"handler.py that speaks": {tree{"handler.py": speaks[2:]}, "", KindLambda, []string{"python3", "handler.py"}},
		"only file":              {tree{"hello.rb": "puts 1"}, "", KindExec, []string{"ruby", "hello.rb"}},
		"handler of two":         {tree{"x handler": aProgram, "x migrate": aProgram}, "", KindExec, []string{"./handler"}},
		"main of two":            {tree{"main.py": "", "x manage.py": "#!/usr/bin/python3\n"}, "", KindExec, []string{"python3", "main.py"}},
		"handler before main":    {tree{"x handler": aProgram, "x main": aProgram}, "", KindExec, []string{"./handler"}},

		"bootstrap as exec": {tree{"x bootstrap": aProgram}, KindExec, KindExec, []string{"./bootstrap"}},
		"program as lambda": {tree{"x hello": aProgram}, KindLambda, KindLambda, []string{"./hello"}},
		"module of several": {tree{"x bootstrap": aProgram, "hello.wasm": aModule}, KindWasm, KindWasm, []string{"./hello.wasm"}},
		"program of both":   {tree{"x hello": aProgram, "hello.wasm": aModule}, KindExec, KindExec, []string{"./hello"}},
	} {
		g, err := tt.files.archive(t).Guess(tt.wanted)
		if err != nil || g.Kind != tt.kind || !slices.Equal(g.Command, tt.command) || g.Why == "" {
			t.Errorf("%s: %+v, %v, want %s %q", name, g, err, tt.kind, tt.command)
		}
	}
}

func TestWhatCannotBeRunIsRefusedWithAdvice(t *testing.T) {
	for name, tt := range map[string]struct {
		files  tree
		wanted Kind
		want   string
	}{
		"nothing known":          {tree{"readme.md": "x", "data/x": "y"}, "", "data/, readme.md"},
		"says how to say":        {tree{"readme.md": "x"}, "", "--kind lambda, exec or wasm"},
		"module as a program":    {tree{"main.wasm": aModule}, KindExec, "write --kind wasm, or no --kind"},
		"not built":              {tree{"go.mod": "module x", "main.go": "package main", "Makefile": "x"}, "", "build it first, by make"},
		"not built, no Makefile": {tree{"go.mod": "module x", "main.go": "package main"}, KindWasm, "GOOS=wasip1 GOARCH=wasm go build"},
		"two modules":            {tree{"a.wasm": aModule, "b.wasm": aModule}, "", "a.wasm, b.wasm"},
		"two mains":              {tree{"main.py": "", "main.sh": ""}, "", "main.py, main.sh"},
		"no module":              {tree{"x main": aProgram}, KindWasm, "no WebAssembly module"},
		"component":              {tree{"a.wasm": "\x00asm\x0d\x00\x01\x00"}, "", "wasm32-wasip1"},
		"cut module":             {tree{"a.wasm": "\x00asm"}, "", "not a whole"},
		"folder was packed":      {tree{"f/x bootstrap": "", "f/bootstrap": aProgram}, "", "deploy that folder"},
		"bootstrap without mode": {tree{"bootstrap": aProgram}, "", "chmod +x bootstrap"},
		"bootstrap of text":      {tree{"x bootstrap": "echo hi"}, "", "begin it with a line such as #!/bin/sh"},
		"CR LF":                  {tree{"x bootstrap": "#!/bin/sh\r\necho\r\n"}, "", "CR LF"},
		"for macOS":              {tree{"x main": "\xcf\xfa\xed\xfe...."}, "", "macOS"},
		"for Windows":            {tree{"main.exe": "MZ...."}, "", "GOOS=linux"},
		"managed Python":         {tree{"lambda_function.py": "def lambda_handler"}, "", "a runtime that AWS Lambda brings"},
		"managed node":           {tree{"index.js": "exports.handler", "package.json": "{}"}, "", "a runtime that AWS Lambda brings"},
	} {
		if g, err := tt.files.archive(t).Guess(tt.wanted); !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v, want %q", name, g, err, tt.want)
		}
	}
}

func TestAPackageIsCheckedAgainstItsManifest(t *testing.T) {
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	run := func(kind Kind, command ...string) Manifest { return Manifest{Kind: kind, Command: command} }
	for name, tt := range map[string]struct {
		files tree
		m     Manifest
		arch  string
		want  string // "" if it is fine
	}{
		"fine":                 {tree{"x main": aProgram}, run(KindLambda, "./main"), runtime.GOARCH, ""},
		"any architecture":     {tree{"x main": elfProgram(other)}, run(KindLambda, "./main"), "", ""},
		"in a folder":          {tree{"bin/": "", "x bin/main": aProgram}, run(KindExec, "bin/main"), "", ""},
		"through links":        {tree{"x real/main": aProgram, "bin": "→real", "main": "→bin/main"}, run(KindExec, "./main"), "", ""},
		"from PATH":            {tree{"a": ""}, run(KindExec, "cat"), "", ""},
		"module":               {tree{"a.wasm": aModule}, run(KindWasm, "./a.wasm"), "", ""},
		"another architecture": {tree{"x main": elfProgram(other)}, run(KindExec, "./main"), runtime.GOARCH, "GOARCH=" + runtime.GOARCH},
		"absent":               {tree{"a": "", "b/c": ""}, run(KindExec, "./main"), "", "there are a, b/"},
		"in the wrong place":   {tree{"f/bootstrap": ""}, run(KindLambda, "./bootstrap"), "", "in the folder f"},
		"folder":               {tree{"main/": ""}, run(KindExec, "./main"), "", "is a folder"},
		"links in a circle":    {tree{"a": "→b", "b": "→a"}, run(KindExec, "./a"), "", "is not in it"},
		"not executable":       {tree{"main": aProgram}, run(KindExec, "./main"), "", "chmod +x"},
		"no module":            {tree{"a.wasm": "x"}, run(KindWasm, "./a.wasm"), "", "GOOS=wasip1"},
		"module as exec":       {tree{"x a.wasm": aModule}, run(KindExec, "./a.wasm"), "", "kind wasm"},
	} {
		err := tt.files.archive(t).Check(tt.m, tt.arch)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func FuzzGuess(f *testing.F) {
	f.Add(several.zip(f))
	f.Add(tree{"a.wasm": aModule, "x main": aProgram, "b": "→a.wasm"}.zip(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := OpenArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, kind := range []Kind{"", KindLambda, KindExec, KindWasm} {
			g, err := a.Guess(kind)
			if (err == nil) == (len(g.Command) == 0) && err == nil {
				t.Errorf("%q: %+v", kind, g)
			}
			if err == nil && kind != "" && g.Kind != kind {
				t.Errorf("told %s, guessed %s", kind, g.Kind)
			}
		}
	})
}
