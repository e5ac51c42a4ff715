package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"faasd/deploy/check/programs"
)

// bin is the folder with the programs that TestMain has built.
var bin string

func TestMain(m *testing.M) { os.Exit(programs.Run(m, &bin)) }

// setting is one of a role's, as its --help has it.
type setting struct {
	variable, value, def string // value is what it takes: ENDPOINT, ADDR, DURATION, …
}

// binds says whether the setting is an address that the role listens on; dials, whether it is where others listen.
func (s setting) binds() bool {
	return s.value == "ENDPOINT" || strings.HasPrefix(s.value, "ADDR")
}

func (s setting) dials() bool { return strings.HasPrefix(s.value, "ENDPOINT[") }

// roles is what each role can be told, by its name and the variable.
type roles map[string]map[string]setting

// A setting in the help is "  --worker-bind ENDPOINT  where …", and below it "[…; default tcp://…; FAASD_WORKER_BIND]".
var (
	flagLine = regexp.MustCompile(`^  (?:-\w, )?--[a-z-]+(?: (\S+))?(?:  |$)`)
	fineLine = regexp.MustCompile(`^ +\[(.*; )?(FAASD_[A-Z_]+)\]$`)
	defaults = regexp.MustCompile(`default (.*); $`)
)

// askRoles asks faasd itself.
func askRoles(t *testing.T) roles {
	t.Helper()
	all := make(roles)
	for _, role := range []string{"frontend", "broker", "queue", "worker", "coordinator"} {
		help, err := exec.Command(filepath.Join(bin, "faasd"), role, "--help").Output()
		if err != nil {
			t.Fatalf("faasd %s --help: %v", role, err)
		}
		if all[role] = readHelp(string(help)); len(all[role]) == 0 {
			t.Fatalf("faasd %s --help shows no settings:\n%s", role, help)
		}
	}
	return all
}

func readHelp(help string) map[string]setting {
	settings := make(map[string]setting)
	var now setting
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if m := flagLine.FindStringSubmatch(line); m != nil {
			now = setting{value: m[1]}
		}
		if m := fineLine.FindStringSubmatch(line); m != nil {
			now.variable = m[2]
			if d := defaults.FindStringSubmatch(m[1]); d != nil {
				now.def = d[1]
			}
			settings[now.variable] = now
		}
	}
	return settings
}
