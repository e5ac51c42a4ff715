package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestAStarterOfEachLanguageDeploysAsItIs(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath("python3"); err != nil && language == "python" {
				t.Skip("python3 is not installed")
			}
			home, name := filepath.Join(t.TempDir(), "functions", language), "hello-"+language
			out := runProgram(t, nil, binary(t, "faasctl"), "init", name, "--lang", language, "--dir", home)
			if out.code != config.ExitOK || out.err != "" || !strings.HasSuffix(out.out, "deploy it: faasctl deploy "+name+" "+home+"\n") {
				t.Fatalf("exit code %d, %q, %q", out.code, out.out, out.err)
			}
			mustCtl(t, dir, "deploy", name, home)
			if got := answered200(t, url+"/"+name, "Ada"); got != "hello, Ada\n" {
				t.Errorf("answered %q", got)
			}
			if status, got := called(t, url+"/"+name, "", nil); status != 500 || !strings.Contains(got, "whom shall it greet?") {
				t.Errorf("without a name: %d, %q", status, got)
			}
			if out := mustCtl(t, dir, "logs", name); !strings.Contains(out, "greeting Ada") {
				t.Errorf("logs:\n%s", out)
			}
			again := runProgram(t, nil, binary(t, "faasctl"), "init", name, "--lang", language, "--dir", home)
			if again.code != config.ExitFailed || !strings.Contains(again.err, "nothing is overwritten") {
				t.Errorf("again: exit code %d, %q", again.code, again.err)
			}
		})
	}
}

func TestNothingIsOverwrittenByAStarter(t *testing.T) {
	home := folder(t, map[string]string{"main.sh": "mine"})
	code, _, errs := faasctl("init", "hello", "--lang", "sh", "--dir", home)
	text, err := os.ReadFile(filepath.Join(home, "main.sh"))
	if code != config.ExitFailed || !strings.Contains(errs, "main.sh is there already") || string(text) != "mine" || err != nil {
		t.Errorf("exit code %d, %q; %q, %v", code, errs, text, err)
	}
	built := folder(t, map[string]string{"bootstrap": "mine"})
	if code, _, _ := faasctl("init", "hello", "--lang", "go", "--dir", built); code != config.ExitFailed {
		t.Errorf("over what is built: exit code %d", code)
	}
	if left, err := os.ReadDir(built); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	for _, args := range [][]string{{"init"}, {"init", "a/b"}, {"init", "a", "--lang", "cobol"}} {
		if code, _, errs := faasctl(args...); code == config.ExitOK || strings.Count(errs, "\n") != 1 {
			t.Errorf("faasctl %q: exit code %d, %q", args, code, errs)
		}
	}
}

func TestAStarterIsNotWrittenBesideOneOfAnotherLanguage(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // nothing is built
	for _, first := range languages {
		for _, second := range languages {
			home := filepath.Join(t.TempDir(), "f")
			if code, _, errs := faasctl("init", "f", "--lang", first, "--dir", home); code != config.ExitOK {
				t.Fatalf("%s: exit code %d, %q", first, code, errs)
			}
			before, err := os.ReadDir(home)
			if err != nil {
				t.Fatal(err)
			}
			code, out, errs := faasctl("init", "f", "--lang", second, "--dir", home)
			if code != config.ExitFailed || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "--dir") || !strings.Contains(errs, sources[first]) && sources[first] != sources[second] {
				t.Errorf("%s beside %s: exit code %d, %q, %q", second, first, code, out, errs)
			}
			if after, err := os.ReadDir(home); err != nil || len(after) != len(before) {
				t.Errorf("%s beside %s: the folder has %v, and had %v", second, first, after, before)
			}
		}
	}
}

// What cannot be built here is said, and how it is built elsewhere.
func TestAStarterSaysHowItIsBuiltWhereThereIsNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	home := filepath.Join(t.TempDir(), "f")
	code, out, errs := faasctl("init", "hello", "--lang", "go", "--dir", home)
	if code != config.ExitOK || errs != "" || !strings.Contains(out, "make -C "+home) || strings.Contains(out, "deploy it") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
}
