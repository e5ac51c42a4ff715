package process

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faasd/internal/function"
)

func TestAProgramThatCannotBeRunIsFoundOut(t *testing.T) {
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	foreign := slices.Clone(sh)
	binary.LittleEndian.PutUint16(foreign[18:], 0x15) // e_machine: PowerPC
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string // "": it can be run
	}{
		{"a script", "#!/bin/sh\n", 0o755, ""},
		{"a script without a newline", "#! /bin/sh -e", 0o755, ""},
		{"by env", "#!/usr/bin/env sh\n", 0o755, ""},
		{"by env with options", "#!/usr/bin/env -S A=1 sh -e\n", 0o755, ""},
		{"a program", string(sh), 0o755, ""},
		{"not executable", "#!/bin/sh\n", 0o644, "chmod +x"},
		{"no interpreter", "#!/nonexistent/python\n", 0o755, "interpreter /nonexistent/python: there is no such file"},
		{"no name", "#!\n", 0o755, "names no interpreter"},
		{"relative", "#!sh\n", 0o755, "is not absolute"},
		{"env without it", "#!/usr/bin/env nonexistent\n", 0o755, "nonexistent is not in PATH"},
		{"Windows line ends", "#!/bin/sh\r\necho\r\n", 0o755, "carriage return"},
		{"an endless line", "#!/" + strings.Repeat("x", 300), 0o755, "longer than 256 bytes"},
		{"for another machine", string(foreign), 0o755, "build it for this one"},
		{"damaged", string(sh[:40]), 0o755, "damaged"},
		{"WebAssembly", "\x00asm\x01\x00\x00\x00", 0o755, "kind wasm"},
		{"text", "echo hello\n", 0o755, "#!/bin/sh"},
		{"empty", "", 0o755, "neither a program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExec(t, nil, "", func(c *Config) { c.Command = []string{"program"} })
			if err := os.WriteFile(filepath.Join(e.Code, "program"), []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			err := e.Check(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestTheCommandIsFound(t *testing.T) {
	g := newGuard(t)
	for _, c := range []struct {
		command []string
		path    string // of its environment
		want    string // an error; "": it runs
	}{
		{[]string{"sh", "-c", "echo $0"}, "", ""},
		{[]string{"/bin/sh"}, "", ""},
		{[]string{"own"}, "", ""},
		{[]string{"folder/own"}, "", ""},
		{[]string{"sh"}, "/nonexistent", "no program sh"},
		{[]string{"own"}, "/nonexistent", ""},
		{[]string{"../own"}, "", "outside"},
		{[]string{"folder/none"}, "", "no program folder/none"},
		{[]string{"folder"}, "", "no program folder"},
		{[]string{"/nonexistent"}, "", "no such file"},
		{[]string{"/"}, "", "not a file"},
		{nil, "", "no command"},
	} {
		e := newExec(t, g, "", func(config *Config) {
			config.Command = c.command
			if c.path != "" {
				config.Env = map[string]string{"PATH": c.path}
			}
		})
		if err := os.Mkdir(filepath.Join(e.Code, "folder"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"own", "folder/own"} {
			if err := os.WriteFile(filepath.Join(e.Code, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := e.Check(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.command, err, c.want)
		}
		if _, err := invoke(t, e, ""); c.want == "" && err != nil {
			t.Errorf("%q cannot be called: %v", c.command, err)
		} else if c.want != "" {
			wantFailure(t, err, function.TypeInit, "")
		}
	}
}
