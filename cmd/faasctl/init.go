package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"faasd/internal/config"
)

// starters has a folder for each language. Their files have .txt behind their
// names: what is named go.mod or main.go cannot be embedded here.
//
//go:embed starters
var starters embed.FS

const starterSuffix = ".txt"

// builds is how what is deployed is built, for the languages that need it.
var builds = map[string]struct {
	result string
	env    []string
}{
	"go":   {"bootstrap", []string{"CGO_ENABLED=0", "GOOS=linux"}},
	"wasm": {"main.wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}},
}

// sources is the file in which each language's function is written.
var sources = map[string]string{"go": "main.go", "python": "handler.py", "sh": "main.sh", "wasm": "main.go"}

var languages = []string{"go", "python", "sh", "wasm"}

type initialize struct {
	operands []string
	language string
	dir      string
}

func (c *initialize) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "init",
		Summary: "write a function to start from, which deploys as it is",
		Description: "go: a program that is started once and called many times (kind lambda); python: the same, with the standard library only; sh: a script, run once for each call (kind exec); wasm: a Go program in a sandbox. What needs building is built, if Go is there, and `make` builds it again.\n\n" +
			"Nothing that exists is overwritten, and nothing is written beside what another language starts from.",
		Examples: []string{"faasctl init hello --lang go", "faasctl init hello --lang sh --dir functions/hello"},
	})
	s.Operands(&c.operands, "NAME", 1, 1)
	s.Enum(&c.language, "lang", "go", languages, "the language")
	s.String(&c.dir, "dir", "", "DIR", "folder to write to").DefaultText("./NAME").CompleteFiles("")
	s.FlagsOnly()
	return s
}

func (c *initialize) Validate() error {
	if err := config.ValidName(c.operands[0]); err != nil {
		return &config.ValueError{Source: "NAME", Value: c.operands[0], Err: err}
	}
	if c.dir == "" {
		c.dir = "." + string(filepath.Separator) + c.operands[0]
	}
	return nil
}

func (c *initialize) Run(ctx context.Context, std config.Stdio) error {
	files, err := starter(c.language)
	if err != nil {
		return err
	}
	if err := c.alone(files); err != nil {
		return err
	}
	if err := c.write(files); err != nil {
		return err
	}
	fmt.Fprintln(std.Out, config.Printable(fmt.Sprintf("%s has %s", c.dir, strings.Join(slices.Sorted(maps.Keys(files)), ", "))))
	built, err := c.build(ctx, std)
	if err != nil {
		return err
	}
	name := c.operands[0]
	if built {
		fmt.Fprintln(std.Out, config.Printable(fmt.Sprintf("deploy it: faasctl deploy %s %s", name, c.dir)))
	}
	return nil
}

// starter returns the files of a language, by name.
func starter(language string) (map[string][]byte, error) {
	folder := path.Join("starters", language)
	entries, err := fs.ReadDir(starters, folder)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(entries))
	for _, e := range entries {
		text, err := starters.ReadFile(path.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		files[strings.TrimSuffix(e.Name(), starterSuffix)] = text
	}
	return files, nil
}

// alone refuses a folder that holds what another language starts from: two in one
// folder would be one function that is neither.
func (c *initialize) alone(files map[string][]byte) error {
	for _, language := range languages {
		name := sources[language]
		if _, ours := files[name]; ours { // write says so
			continue
		}
		if _, err := os.Lstat(filepath.Join(c.dir, name)); err == nil {
			return fmt.Errorf("%s holds a function in another language already (%s): choose another folder for this one with --dir", c.dir, name)
		}
	}
	return nil
}

// write writes the files, or none if one is there already.
func (c *initialize) write(files map[string][]byte) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("%w; choose a folder that can be made, with --dir", err)
	}
	wanted := slices.Sorted(maps.Keys(files))
	if b, ok := builds[c.language]; ok {
		wanted = append(wanted, b.result)
	}
	for _, name := range wanted {
		at := filepath.Join(c.dir, name)
		if _, err := os.Lstat(at); err == nil {
			return fmt.Errorf("%s is there already, and nothing is overwritten: choose another folder with --dir", at)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for name, text := range files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(text), "#!") {
			mode = 0o755
		}
		if err := create(filepath.Join(c.dir, name), text, mode); err != nil {
			return err
		}
	}
	return nil
}

// create writes a file that is not there yet.
func create(name string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// build builds what is deployed, and reports whether that is there now.
func (c *initialize) build(ctx context.Context, std config.Stdio) (bool, error) {
	b, ok := builds[c.language]
	if !ok {
		return true, nil
	}
	line := fmt.Sprintf("%s go build -trimpath -o %s .", strings.Join(b.env, " "), b.result)
	if _, err := exec.LookPath("go"); err != nil {
		_, err := fmt.Fprintln(std.Out, config.Printable(fmt.Sprintf("to be built before it is deployed, where there is Go (https://go.dev/dl/): make -C %s, or there: %s", c.dir, line)))
		return false, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.result, ".")
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), append(b.env, "GOWORK=off", "GOFLAGS=")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(std.Err, "faasctl init: interrupted before it was built; make -C %s builds it\n", config.Printable(c.dir))
			return false, ctx.Err()
		}
		return false, fmt.Errorf("%s: %s: %w: %s", c.dir, line, err, out)
	}
	_, err := fmt.Fprintln(std.Out, "built, as make does it: "+line)
	return true, err
}
