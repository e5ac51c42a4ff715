package config

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version and Commit say what was built. The Makefile sets them with
// -ldflags "-X faasd/internal/config.Version=… -X faasd/internal/config.Commit=…".
var (
	Version = "dev"
	Commit  = ""
)

// VersionLine returns what --version prints: "faasd 0.1.0 (commit 1a2b3c4,
// go1.26.0)". Without -ldflags it falls back to what the Go toolchain
// recorded in the binary.
func VersionLine(program string) string {
	info, _ := debug.ReadBuildInfo()
	return versionLine(program, Version, Commit, info)
}

func versionLine(program, version, commit string, info *debug.BuildInfo) string {
	dirty := ""
	if info != nil {
		if version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case commit == "" && s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = ", modified"
			}
		}
	}
	if len(commit) > 12 {
		commit = commit[:12]
	}
	if commit == "" {
		return fmt.Sprintf("%s %s (%s)", program, version, runtime.Version())
	}
	return fmt.Sprintf("%s %s (commit %s%s, %s)", program, version, commit, dirty, runtime.Version())
}
