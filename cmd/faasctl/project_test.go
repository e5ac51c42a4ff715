package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestAFileOfFunctionsIsDeployedOnceAndPrunedWhenAskedFor(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	root := folder(t, map[string]string{"one.sh": script("one"), "two.sh": script("two"), "faasd.yaml": "functions:\n  one:\n    path: one.sh\n  two:\n    path: two.sh\n    timeout: 3s\n"})
	file := filepath.Join(root, "faasd.yaml")
	plan := "create  one  kind exec (one.sh is a script), runs ./one.sh, N bytes\ncreate  two  kind exec (two.sh is a script), runs ./two.sh, N bytes\n"
	if out := mustCtl(t, dir, "deploy", "-f", file, "--dry-run"); sizes(out) != plan {
		t.Errorf("the plan alone:\n%s", out)
	}
	done := "one version 1, exec, served by 3 workers; call it: curl -d hello " + url + "/one\ntwo version 1, exec, served by 3 workers; call it: curl -d hello " + url + "/two\n"
	if out := mustCtl(t, dir, "deploy", "-f", file); sizes(out) != plan+done {
		t.Errorf("the first time:\n%s", out)
	}
	if got := answered200(t, url+"/two", "x"); got != "two x" {
		t.Errorf("answered %q", got)
	}
	if out := mustCtl(t, dir, "deploy", "-f", file); out != "unchanged  one\nunchanged  two\nnothing to do\n" {
		t.Errorf("the second time:\n%s", out)
	}

	write(t, file, "functions:\n  two:\n    path: two.sh\n    timeout: 30s\n    env: {A: secret}\n")
	if out := mustCtl(t, dir, "deploy", "-f", file); !strings.HasPrefix(out, "update  two  timeout 3s → 30s, variable A added\ntwo version 2, ") {
		t.Errorf("with a change:\n%s", out)
	}
	answered200(t, url+"/one", "") // what is not in the file stays
	if r := ctl(t, dir, "deploy", "-f", file, "--prune"); r.code != config.ExitUsage || !strings.Contains(r.out, "remove     one\n") || !strings.Contains(r.err, "Remove one, which is not in "+file) || !strings.Contains(r.err, "write --yes") {
		t.Errorf("pruned without a question: exit code %d, %q, %q", r.code, r.out, r.err)
	}
	answered200(t, url+"/one", "")
	var steps []step
	if err := json.Unmarshal([]byte(mustCtl(t, dir, "deploy", "-f", file, "--prune", "--yes", "--json")), &steps); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 2 || steps[0].Name != "two" || steps[0].Action != "unchanged" || steps[0].Result != nil || steps[1].Name != "one" || steps[1].Action != "remove" || steps[1].Result.Error != "" {
		t.Errorf("steps %+v", steps)
	}
	if status, got := called(t, url+"/one", "", nil); status != http.StatusNotFound {
		t.Errorf("pruned, it is answered with %d, %s", status, got)
	}
}

func TestOneOfAFileThatFailsKeepsNoOtherFromBeingDeployed(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	root := folder(t, map[string]string{
		"bad.sh": "#!/bin/sh\necho AWS_LAMBDA_RUNTIME_API is not asked >&2\nexit 9\n", "good.sh": script("good"),
		"faasd.yaml": "functions:\n  bad:\n    path: bad.sh\n    kind: lambda\n  good:\n    path: good.sh\n",
	})
	r := ctl(t, dir, "deploy", "--file", filepath.Join(root, "faasd.yaml"))
	if r.code != config.ExitFailed || !strings.Contains(r.out, "good version 1") || !strings.Contains(r.err, "is not asked") || !strings.HasSuffix(r.err, "1 of 2 changes failed; the others, if any, are done\n") {
		t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
	}
	if got := answered200(t, url+"/good", "x"); got != "good x" {
		t.Errorf("answered %q", got)
	}
	if out := mustCtl(t, dir, "functions"); !strings.Contains(out, "bad       !FAILED  lambda    -        0") {
		t.Errorf("functions:\n%s", out)
	}

	write(t, filepath.Join(root, "faasd.yaml"), "functions:\n  a:\n    path: none.sh\n  b:\n    path: good.sh\n    memory: 1\n")
	r = ctl(t, dir, "deploy", "--file", filepath.Join(root, "faasd.yaml"))
	if r.code != config.ExitFailed || r.out != "" || !strings.Contains(r.err, "faasd.yaml:6") {
		t.Errorf("what cannot be read: exit code %d, %q, %q", r.code, r.out, r.err)
	}
}
