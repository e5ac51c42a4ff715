package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/deploy/check/programs"
)

// bin is the folder with the programs that TestMain has built.
var bin string

func TestMain(m *testing.M) { os.Exit(programs.Run(m, &bin)) }

// settings asks a role for the variables that it knows.
func settings(t *testing.T, role string) []string {
	t.Helper()
	help, err := exec.Command(filepath.Join(bin, "faasd"), role, "--help").Output()
	if err != nil {
		t.Fatalf("faasd %s --help: %v", role, err)
	}
	return regexp.MustCompile(`FAASD_[A-Z_]+`).FindAllString(string(help), -1)
}

// judge says what is wrong with a unit whose role has these settings.
func judge(u unit, known []string) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, u.name+": "+fmt.Sprintf(format, args...)) }
	for name := range u.variables() {
		if !slices.Contains(known, name) {
			say("%s is no setting of faasd %s", name, u.role())
		}
	}
	grace, err := time.ParseDuration(u.variables()["FAASD_GRACE"])
	stop, err2 := time.ParseDuration(u.get("Service", "TimeoutStopSec"))
	if err != nil || err2 != nil || stop < grace+2*time.Second {
		say("it is killed after TimeoutStopSec=%q, and takes FAASD_GRACE=%q to stop, and a second more", u.get("Service", "TimeoutStopSec"), u.variables()["FAASD_GRACE"])
	}
	files := u.sections["Service"]["EnvironmentFile"]
	if len(files) == 0 || files[0] != "-/etc/faasd/"+u.role()+".env" {
		say("its settings are not in /etc/faasd/%s.env", u.role())
	}
	for key, want := range map[string]string{
		"DynamicUser": "yes", "Restart": "on-failure", "RestartPreventExitStatus": "2", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "",
	} {
		if values := u.sections["Service"][key]; !slices.Equal(values, []string{want}) {
			say("%s=%v, want %q", key, values, want)
		}
	}
	if u.get("Unit", "StartLimitIntervalSec") != "0" {
		say("it is given up when it fails often (StartLimitIntervalSec)")
	}
	runs := u.role() == "worker" || u.role() == "up" // functions
	for key, want := range map[string]string{"KillMode": "mixed", "Delegate": "cpu memory pids", "DelegateSubgroup": "faasd", "OOMPolicy": "continue"} {
		if got := u.get("Service", key); runs && got != want || !runs && got != "" {
			say("%s=%q", key, got)
		}
	}
	for _, key := range []string{"MemoryDenyWriteExecute", "ProtectControlGroups", "RestrictNamespaces"} {
		if got := u.get("Service", key); runs == (got == "yes") {
			say("%s=%q", key, got)
		}
	}
	template := strings.Contains(u.name, "@")
	if several := u.role() == "queue" || u.role() == "worker"; several != template {
		say("is it for one or for several?")
	}
	if template && len(files) < 2 {
		say("nothing can be said to one of them alone")
	}
	return wrong
}

func TestUnitsAreWhatTheirRolesNeed(t *testing.T) {
	var roles []string
	for _, u := range units(t, "service") {
		roles = append(roles, u.role())
		for _, line := range judge(u, settings(t, u.role())) {
			t.Error(line)
		}
		wanted := "faasd.target"
		if u.role() == "up" {
			wanted = "multi-user.target"
		}
		if got := u.get("Install", "WantedBy"); got != wanted {
			t.Errorf("%s is wanted by %q", u.name, got)
		}
		if part := u.get("Unit", "PartOf"); (part == "faasd.target") != (wanted == "faasd.target") {
			t.Errorf("%s is part of %q", u.name, part)
		}
	}
	slices.Sort(roles)
	if want := []string{"broker", "coordinator", "frontend", "queue", "up", "worker"}; !slices.Equal(roles, want) {
		t.Errorf("there are units for %q, want %q", roles, want)
	}
}

func TestMistakesInUnitsAreNoticed(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(folder + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, m := range []struct{ unit, old, new, want string }{
		{"faasd-worker@.service", "FAASD_WORK=", "FAASD_WORKS=", "FAASD_WORKS is no setting of faasd worker"},
		{"faasd-queue@.service", "FAASD_GRACE=35s", "FAASD_GRACE=45s", "it is killed after"},
		{"faasd-broker.service", "TimeoutStopSec=45s\n", "", "it is killed after"},
		{"faasd-worker@.service", "KillMode=mixed\n", "", `KillMode=""`},
		{"faasd-worker@.service", "DelegateSubgroup=faasd\n", "", `DelegateSubgroup=""`},
		{"faasd-worker@.service", "UMask=0077", "MemoryDenyWriteExecute=yes", `MemoryDenyWriteExecute="yes"`},
		{"faasd-up.service", "UMask=0077", "RestrictNamespaces=yes", `RestrictNamespaces="yes"`},
		{"faasd-frontend.service", "NoNewPrivileges=yes", "NoNewPrivileges=no", "NoNewPrivileges"},
		{"faasd-frontend.service", "CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_NET_ADMIN", "CapabilityBoundingSet"},
		{"faasd-coordinator.service", "StartLimitIntervalSec=0\n", "", "it is given up"},
		{"faasd-up.service", "-/etc/faasd/up.env", "-/etc/faasd.env", "its settings are not in"},
	} {
		text := read(m.unit)
		broken := strings.Replace(text, m.old, m.new, 1)
		if broken == text {
			t.Errorf("there is no %q in %s any more", m.old, m.unit)
			continue
		}
		u := parse(m.unit, broken)
		if wrong := judge(u, settings(t, u.role())); !strings.Contains(strings.Join(wrong, "\n"), m.want) {
			t.Errorf("%s with %q: said is %q, want %q", m.unit, m.new, wrong, m.want)
		}
	}
}

// The examples are commented out, and a mistake in them would be noticed by whoever takes them in.
func TestTheExamplesOfSettingsAreUnderstood(t *testing.T) {
	assignment := regexp.MustCompile(`^#?(FAASD_[A-Z_]+)=(\S+)$`)
	for _, u := range units(t, "service") {
		file := folder + "env/" + u.role() + ".env"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", u.name, err)
			continue
		}
		known, found := settings(t, u.role()), 0
		for line := range strings.Lines(string(text)) {
			m := assignment.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				if line = strings.TrimSpace(line); line != "#" && !strings.HasPrefix(line, "# ") {
					t.Errorf("%s: neither a comment nor a setting: %s", file, line)
				}
				continue
			}
			if found++; !slices.Contains(known, m[1]) {
				t.Errorf("%s: %s is no setting of faasd %s", file, m[1], u.role())
			}
		}
		if found == 0 {
			t.Errorf("%s has no settings", file)
		}
	}
}
