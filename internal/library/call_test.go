package library

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"faasd/internal/function"
	"faasd/internal/registry"
	"faasd/internal/wire"
)

// folderOf is where a version of f was unpacked.
func (s *stage) folderOf(number uint32) string {
	s.Library.mu.Lock()
	defer s.Library.mu.Unlock()
	v := s.shelf["f"].versions[number]
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.edition.code
}

// open lets somebody change a folder that is read-only, as those can who clean up.
func open(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// oneCall is a program that speaks the Runtime API by curl, and ends after it has
// answered one call with how long it is.
const oneCall = `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while id=$(curl -sS -o /dev/null -D - "$api/invocation/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p'); do
	curl -sS -o /dev/null -X POST -d "$(cat "$LAMBDA_TASK_ROOT/main.sh" | wc -l | tr -d ' ') lines" "$api/invocation/$id/response"
	exit
done
`

func TestCodeThatWasLostIsUnpackedAnewAndTheCallSucceeds(t *testing.T) {
	lambda := func(m *registry.Manifest) { m.Kind = registry.KindLambda }
	for name, c := range map[string]struct {
		text string
		with []func(*registry.Manifest)
		say  string
		lose func(t *testing.T, s *stage, code string) error
	}{
		"its folder is gone": {"#!/bin/sh\necho -n one", nil, "one", func(t *testing.T, _ *stage, code string) error {
			open(t, code)
			return os.RemoveAll(code)
		}},
		"its folder was emptied": {"#!/bin/sh\necho -n one", nil, "one", func(t *testing.T, _ *stage, code string) error {
			open(t, code)
			return os.Remove(filepath.Join(code, "main.sh"))
		}},
		"it was cut short": {"#!/bin/sh\necho -n one", nil, "one", func(t *testing.T, _ *stage, code string) error {
			open(t, code)
			open(t, filepath.Join(code, "main.sh"))
			return errors.Join(os.Truncate(filepath.Join(code, "main.sh"), 0), os.Chmod(filepath.Join(code, "main.sh"), 0o400))
		}},
		"all that the library has": {"#!/bin/sh\necho -n one", nil, "one", func(t *testing.T, s *stage, code string) error {
			open(t, code)
			return errors.Join(os.RemoveAll(filepath.Join(s.cfg.Folder, codeFolder)), os.RemoveAll(filepath.Join(s.cfg.Folder, scratchFolder)))
		}},
		"the folder for what functions write": {"#!/bin/sh\necho -n one", nil, "one", func(_ *testing.T, s *stage, _ string) error {
			return os.RemoveAll(filepath.Join(s.cfg.Folder, scratchFolder))
		}},
		"a process's program": {oneCall, []func(*registry.Manifest){lambda}, "6 lines", func(t *testing.T, _ *stage, code string) error {
			open(t, code)
			return os.Remove(filepath.Join(code, "main.sh"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath("curl"); err != nil && c.text == oneCall {
				t.Skip("no curl here")
			}
			s := newStage(t)
			s.deploys(1, s.script(1, c.text, c.with...))
			s.says(0, c.say)
			code := s.folderOf(1)
			if err := c.lose(t, s, code); err != nil {
				t.Fatal(err)
			}
			s.says(0, c.say)
			s.says(0, c.say)
			if got := s.settled(); len(got.Functions) != 1 || len(got.Broken) > 0 {
				t.Errorf("it says %+v; want that all is well", got)
			}
		})
	}
}

// nothing is a WASI module that does nothing: it has a memory, and _start, which returns.
const nothing = "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" + "\x0a\x04\x01\x02\x00\x0b"

func TestAModuleThatWasLostBeforeItWasCompiledIsUnpackedAnew(t *testing.T) {
	s := newStage(t)
	s.deploys(1, s.file(1, "main.wasm", nothing, func(m *registry.Manifest) { m.Kind = registry.KindWasm }))
	code := s.folderOf(1)
	open(t, code)
	if err := os.RemoveAll(code); err != nil {
		t.Fatal(err)
	}
	s.says(0, "")
}

func TestACallThatHasRunIsNotMadeAgainThoughCodeIsLost(t *testing.T) {
	s := newStage(t)
	ran := filepath.Join(t.TempDir(), "ran")
	s.deploys(1, s.script(1, "#!/bin/sh\necho >>"+ran+"\n[ -e \"$FAASD_CODE/data\" ] && exit 3\necho -n one"))
	s.says(0, "one")
	code := s.folderOf(1)
	open(t, code)
	if err := os.WriteFile(filepath.Join(code, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var own *function.Error
	if _, err := s.calls(0); !errors.As(err, &own) {
		t.Errorf("it ends with %v, want the function's own error", err)
	}
	if b, err := os.ReadFile(ran); len(b) != 2 || err != nil {
		t.Errorf("it was run %d times, %v; want twice", len(b), err)
	}
	s.says(0, "one") // of what was unpacked anew
}

func TestAFunctionThatDoesNotStartIsToldUntilItDoes(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	shell := filepath.Join(dir, "shell")
	if err := os.Symlink("/bin/sh", shell); err != nil {
		t.Fatal(err)
	}
	s.deploys(1, s.script(1, "#!"+shell+"\necho -n one"))
	s.says(0, "one")
	if err := os.Remove(shell); err != nil {
		t.Fatal(err)
	}
	if _, err := s.calls(0); !function.Unstarted(err) {
		t.Fatalf("it ends with %v, want that it does not start", err)
	}
	got := s.comesTo(func(now wire.Serves) bool { return len(now.Broken) == 1 })
	if b := got.Broken[0]; b.Function != "f" || b.Version != 1 || b.Reason == "" || strings.Contains(b.Reason, s.cfg.Folder) || len(got.Functions) != 1 {
		t.Errorf("it says %+v; want that f is served, and does not start", got)
	}
	if err := os.Symlink("/bin/sh", shell); err != nil {
		t.Fatal(err)
	}
	s.says(0, "one")
	if got := s.Serves(); len(got.Broken) > 0 {
		t.Errorf("it says %+v; want that all is well", got)
	}
}
