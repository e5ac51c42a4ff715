package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAFunctionThatDoesNotStartAtAWorkerIsShownAndWhereAndWhy(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	shell := filepath.Join(t.TempDir(), "shell") // what a worker's machine has, or has not
	if err := os.Symlink("/bin/sh", shell); err != nil {
		t.Fatal(err)
	}
	mustCtl(t, dir, "deploy", "hello", folder(t, map[string]string{"main.sh": "#!" + shell + "\ncat\n"}))
	if err := os.Remove(shell); err != nil {
		t.Fatal(err)
	}
	if status, got := called(t, url+"/hello", "x", nil); status != http.StatusBadGateway {
		t.Errorf("it is answered %d, %s", status, got)
	}
	var list string
	broken := regexp.MustCompile(`(?m)^hello +!BROKEN +exec +1 +3 `)
	eventually(t, func() bool { list = mustCtl(t, dir, "functions"); return broken.MatchString(list) }, func() string { return "functions:\n" + list })
	one := mustCtl(t, dir, "functions", "hello")
	if !regexp.MustCompile(`(?m)^broken +at w-[0-9a-f]+: Runtime\.InitError: .*main\.sh`).MatchString(one) || strings.Contains(one, dir) {
		t.Errorf("functions hello:\n%s", one)
	}
	if err := os.Symlink("/bin/sh", shell); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		answered200(t, url+"/hello", "x") // by one worker after the other
		list = mustCtl(t, dir, "functions")
		return !strings.Contains(list, "!BROKEN")
	}, func() string { return "functions:\n" + list })
}
