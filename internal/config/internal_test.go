package config

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionLine(t *testing.T) {
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, tt := range []struct {
		version, commit string
		info            *debug.BuildInfo
		want            string
	}{
		{"dev", "", nil, "faasd dev ("},
		{"1.0.0", "abc", built("v9.9.9", revision), "faasd 1.0.0 (commit abc, "},
		{"dev", "", built("(devel)", revision, modified), "faasd dev (commit 0123456789ab, modified, "},
		{"dev", "", built("v1.2.3"), "faasd v1.2.3 ("},
	} {
		want := tt.want + runtime.Version() + ")"
		if got := newBuild("faasd", tt.version, tt.commit, tt.info).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestClosest(t *testing.T) {
	candidates := []string{"name", "worker-bind", "http", "log-level"}
	for typed, want := range map[string]string{
		"nmae": "name", "nam": "name", "names": "name", "NAME": "name", "worker_bind": "worker-bind",
		"wroker-bnd": "worker-bind", "--htp": "http", "log": "log-level", "": "", "-": "", "x": "", "zzzz": "",
	} {
		if got := closest(typed, candidates); got != want {
			t.Errorf("closest(%q) = %q, want %q", typed, got, want)
		}
	}
}
