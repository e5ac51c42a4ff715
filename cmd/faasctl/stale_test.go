package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAProgramOlderThanItsSourcesIsRemarkedOn(t *testing.T) {
	dir := folder(t, map[string]string{"go.mod": "module x\n", "main.go": "package main\n", "bootstrap": "#!/bin/sh\n", "Makefile": "x:\n"})
	built := time.Now()
	change := func(name string, after time.Duration) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, name), built, built.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	change("bootstrap", 0)
	change("main.go", -time.Second)
	if got := stale(dir, "bootstrap"); got != "" {
		t.Errorf("one that was built says %q", got)
	}
	change("main.go", time.Second)
	if got := stale(dir, "bootstrap"); !strings.Contains(got, "main.go is newer than bootstrap") || !strings.Contains(got, "make -C "+dir) {
		t.Errorf("one that was not built again says %q", got)
	}
	if got := stale(dir, "absent"); got != "" {
		t.Errorf("one that is not there says %q", got)
	}
}
