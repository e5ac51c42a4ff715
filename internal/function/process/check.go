package process

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// program finds the program of the command: by its absolute path, in the
// folder of the code, in PATH.
func (e *Exec) program() (string, error) {
	if len(e.Command) == 0 || e.Command[0] == "" {
		return "", fmt.Errorf("%s has no command: say which program to run", e.Name)
	}
	name := e.Command[0]
	if filepath.IsAbs(name) {
		return name, nil
	}
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("the program %s is outside of the function's folder: name one within, or an absolute path", name)
	}
	if path := filepath.Join(e.Code, name); isFile(path) {
		return path, nil
	}
	if !strings.Contains(name, "/") {
		if path := e.inPath(name); path != "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no program %s in the function's folder or in its PATH: put it there, or install it", name)
}

// inPath finds a program in the function's PATH; "" if it is not there.
func (e *Exec) inPath(name string) string {
	path := DefaultPath
	if own, ok := e.Env["PATH"]; ok {
		path = own
	}
	for _, folder := range filepath.SplitList(path) {
		if file := filepath.Join(folder, name); filepath.IsAbs(file) && isFile(file) {
			return file
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Check says why the program could not be started, without starting it: it is
// absent, not executable, made for another machine, or its interpreter is not
// there.
func (e *Exec) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := e.program()
	if err != nil {
		return err
	}
	if err := checkExecutable(path); err != nil {
		return fmt.Errorf("%s cannot be run: %w", path, err)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil // it may be run and not be read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := e.checkContent(f); err != nil {
		return fmt.Errorf("%s cannot be run: %w", path, err)
	}
	return nil
}

func checkExecutable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	case info.Mode()&0o111 == 0:
		return errors.New("it is not executable: chmod +x it")
	}
	return nil
}

// lineSize is how much of a #! line the kernel reads, in bytes (execve(2)).
const lineSize = 256

func (e *Exec) checkContent(f *os.File) error {
	start := make([]byte, lineSize)
	n, err := f.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start = start[:n]
	switch {
	case bytes.HasPrefix(start, []byte("#!")):
		return e.checkInterpreter(start[2:])
	case bytes.HasPrefix(start, []byte(elf.ELFMAG)):
		return checkELF(f)
	case bytes.HasPrefix(start, []byte("\x00asm")):
		return errors.New("it is a WebAssembly module: deploy it as the kind wasm")
	}
	return errors.New("it is neither a program of this system nor a script: begin it with a line such as #!/bin/sh")
}

// checkInterpreter checks the #! line of a script.
func (e *Exec) checkInterpreter(rest []byte) error {
	line, _, whole := bytes.Cut(rest, []byte("\n"))
	if !whole && len(rest) == lineSize-2 {
		return fmt.Errorf("its #! line is longer than %d bytes", lineSize)
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return errors.New("its #! line ends with a carriage return: save it with Unix line ends")
	}
	fields := strings.Fields(string(line))
	if len(fields) == 0 {
		return errors.New("its #! line names no interpreter")
	}
	if !filepath.IsAbs(fields[0]) {
		return fmt.Errorf("its interpreter %s is not absolute", fields[0])
	}
	if err := checkExecutable(fields[0]); err != nil {
		return fmt.Errorf("its interpreter %s: %w", fields[0], err)
	}
	if filepath.Base(fields[0]) != "env" {
		return nil
	}
	for _, word := range fields[1:] {
		if strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
			continue // options and variables of env
		}
		if !filepath.IsAbs(word) && e.inPath(word) == "" {
			return fmt.Errorf("its interpreter %s is not in PATH: install it", word)
		}
		return nil
	}
	return nil
}

// machines are the ELF machines that run as programs of an architecture.
var machines = map[string][]elf.Machine{
	"amd64": {elf.EM_X86_64, elf.EM_386},
	"arm64": {elf.EM_AARCH64, elf.EM_ARM},
}

// checkELF checks that a program is made for this machine and that its dynamic
// linker is there.
func checkELF(f *os.File) error {
	file, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		return fmt.Errorf("it is of type %v, not a program", file.Type)
	}
	if known, ok := machines[runtime.GOARCH]; ok && !slices.Contains(known, file.Machine) {
		return fmt.Errorf("it is made for %v, and this machine is %s: build it for this one", file.Machine, runtime.GOARCH)
	}
	for _, part := range file.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part.Open(), 4096))
		if err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		linker := strings.TrimRight(string(data), "\x00")
		if err := checkExecutable(linker); err != nil {
			return fmt.Errorf("its dynamic linker %s: %w; link it statically, or for this system", linker, err)
		}
	}
	return nil
}
