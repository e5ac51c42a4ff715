package wasm

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestAModuleReadsItsPackageAndNothingElse(t *testing.T) {
	f := deploy(t, guest(t), Config{}, "greeting.txt", "hola", "texts/long.txt", "hola hola")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of the worker"), 0o666); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": secret, "up": ".."} {
		if err := os.Symlink(to, filepath.Join(f.cfg.Code, link)); err != nil {
			t.Fatal(err)
		}
	}
	for body, want := range map[string]string{
		"read /greeting.txt":   "hola",
		"read texts/long.txt":  "hola hola",
		"list /texts":          "long.txt false\n",
		"read /absent":         "error:",
		"read /link":           "error:",
		"read /up/" + secret:   "error:",
		"read ../../" + secret: "error:",
		"read " + secret:       "error:",
		"read /etc/passwd":     "error:",
		"write /greeting.txt":  "error:",
		"write /new.txt":       "error:",
	} {
		got := call(t, f, body)
		if got != want && !(want == "error:" && strings.HasPrefix(got, want)) {
			t.Errorf("%s gives %q, want %q", body, got, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(f.cfg.Code, "greeting.txt")); string(text) != "hola" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

func TestAModuleAloneInItsPackageHasNoFiles(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	for _, body := range []string{"list /", "read /hello.wasm", "list ."} {
		if got := call(t, f, body); !strings.HasPrefix(got, "error:") {
			t.Errorf("%s gives %.100q", body, got)
		}
	}
}

func TestACallHasFewFilesOpen(t *testing.T) {
	f := deploy(t, guest(t), Config{}, "greeting.txt", "hola")
	if n, err := strconv.Atoi(call(t, f, "open /greeting.txt")); err != nil || n < 10 || n > maxOpen {
		t.Errorf("it opens %d files, %v", n, err)
	}
	if got := call(t, f, "read /greeting.txt"); got != "hola" {
		t.Errorf("the next call reads %q", got)
	}
}

func TestThePackageSaysWhichModuleIsMeant(t *testing.T) {
	open := func(module string, files ...string) (string, error) {
		folder := t.TempDir()
		for _, name := range files {
			if err := os.WriteFile(filepath.Join(folder, name), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		f, err := New(Config{Name: "hello", Code: folder, Module: module})
		if err != nil {
			return "", err
		}
		defer f.Close(context.Background())
		return f.pack.module, nil
	}
	if got, err := open("", "a.wasm", "a.txt"); got != "a.wasm" {
		t.Errorf("the only one is not found: %q, %v", got, err)
	}
	if got, err := open("./b.wasm", "a.wasm", "b.wasm"); got != "b.wasm" {
		t.Errorf("the one that is named is not taken: %q, %v", got, err)
	}
	for _, c := range [][]string{{""}, {"", "a.txt"}, {"", "a.wasm", "b.wasm"}, {"c.wasm", "a.wasm"}, {"../a.wasm", "a.wasm"}} {
		if got, err := open(c[0], c[1:]...); err == nil {
			t.Errorf("of %q it takes %q", c, got)
		}
	}
	if _, err := New(Config{Code: filepath.Join(t.TempDir(), "absent")}); err == nil {
		t.Error("a package that is not there is opened")
	}
}

func TestAPackageWithAPipeIsRefused(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.wasm"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Code: folder}); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("it is refused with %v", err)
	}
}
