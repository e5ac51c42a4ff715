package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// stale says that the program that is to be run is older than the Go sources
// beside it: whoever has changed them may have forgotten to build it. "" if it is
// not, or they do not belong together.
func stale(folder, program string) string {
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return ""
	}
	built, err := os.Stat(filepath.Join(folder, program))
	if err != nil {
		return ""
	}
	sources, _ := filepath.Glob(filepath.Join(folder, "*.go")) // fails for bad patterns alone
	for _, source := range sources {
		if info, err := os.Stat(source); err == nil && info.ModTime().After(built.ModTime()) {
			how := "build it"
			if _, err := os.Stat(filepath.Join(folder, "Makefile")); err == nil {
				how = "build it: make -C " + folder
			}
			return fmt.Sprintf("%s is newer than %s, which is what is deployed; if that is not meant, %s, and deploy again", filepath.Base(source), program, how)
		}
	}
	return ""
}
