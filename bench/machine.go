package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// A machine is where the numbers were taken.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Wrk    string `json:"wrk"`
	Vegeta string `json:"vegeta"`
}

func thisMachine(ctx context.Context) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if info, err := os.Open("/proc/cpuinfo"); err == nil {
		defer func() { _ = info.Close() }()
		for lines := bufio.NewScanner(info); lines.Scan(); {
			if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, d := range build.Deps {
			if strings.HasPrefix(d.Path, "github.com/tsenart/vegeta/") {
				m.Vegeta = d.Version
			}
		}
	}
	var uts syscall.Utsname
	if syscall.Uname(&uts) == nil {
		for _, c := range uts.Release { // the number without what a distribution adds
			if c != '.' && (c < '0' || c > '9') {
				break
			}
			m.Kernel += string(rune(c))
		}
	}
	// wrk prints its version together with its usage, and exits 1.
	said, _ := exec.CommandContext(ctx, "wrk", "--version").CombinedOutput()
	if words := strings.Fields(string(said)); len(words) > 1 {
		m.Wrk = words[1]
	}
	return m
}
