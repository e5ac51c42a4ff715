package config

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Version and Commit say what was built. The Makefile sets them with
// -ldflags "-X faasd/internal/config.Version=… -X faasd/internal/config.Commit=…".
var (
	Version = "dev"
	Commit  = ""
)

// Library is something that a program is linked with and whose version the
// version command names too.
type Library struct {
	Name    string // as in the JSON: "libzmq"
	Version string
}

// VersionLine returns the first line of the version command: "faasd 0.1.0
// (commit 1a2b3c4, go1.26.0)". Without -ldflags it falls back to what the Go
// toolchain recorded in the binary.
func VersionLine(program string) string { return thisBuild(program).String() }

// build is what was built, from what.
type build struct {
	Program  string `json:"program"`
	Version  string `json:"version"`
	Commit   string `json:"commit"` // up to 12 digits; empty if unknown
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

func thisBuild(program string) build {
	info, _ := debug.ReadBuildInfo()
	return newBuild(program, Version, Commit, info)
}

func newBuild(program, version, commit string, info *debug.BuildInfo) build {
	b := build{Program: program, Version: version, Commit: commit, Go: runtime.Version()}
	if info != nil {
		if version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case b.Commit == "" && s.Key == "vcs.revision":
				b.Commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				b.Modified = true
			}
		}
	}
	if len(b.Commit) > 12 {
		b.Commit = b.Commit[:12]
	}
	return b
}

func (b build) String() string {
	from := ""
	if b.Commit != "" {
		from = "commit " + b.Commit
		if b.Modified {
			from += ", modified"
		}
		from += ", "
	}
	return fmt.Sprintf("%s %s (%s%s)", b.Program, b.Version, from, b.Go)
}

// versionCommand is the version command of every program.
type versionCommand struct {
	program Program
	json    bool
}

func (c *versionCommand) Settings() *Set {
	s := NewSet(Doc{
		Name: "version", Summary: "what was built, from what",
		Description: "Prints the version of the program, the commit that it was built from, and the versions of Go and of the libraries that it is linked with.",
		Examples:    []string{c.program.Name + " version", c.program.Name + " version --json"},
	})
	s.Bool(&c.json, "json", false, "print JSON for programs")
	return s
}

func (c *versionCommand) Validate() error { return nil }

func (c *versionCommand) Run(_ context.Context, std Stdio) error {
	b := thisBuild(c.program.Name)
	if !c.json {
		text := b.String() + "\n"
		for _, l := range c.program.Libraries {
			text += l.Name + " " + l.Version + "\n"
		}
		_, err := io.WriteString(std.Out, text)
		return err
	}
	libraries := make(map[string]string)
	for _, l := range c.program.Libraries {
		libraries[l.Name] = l.Version
	}
	e := json.NewEncoder(std.Out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		build
		Libraries map[string]string `json:"libraries"`
	}{b, libraries})
}
