package systemd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder is where the units are, from here.
const folder = "../../systemd/"

// unit is a unit file: for each section, what its keys are set to, in order.
type unit struct {
	name     string
	text     string
	sections map[string]map[string][]string
}

// get is what a key was set to last; "" if it is not.
func (u unit) get(section, key string) string {
	if values := u.sections[section][key]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// role is the command that faasd is given.
func (u unit) role() string {
	_, role, _ := strings.Cut(u.get("Service", "ExecStart"), "faasd ")
	return role
}

// variables are those that the unit itself sets.
func (u unit) variables() map[string]string {
	set := make(map[string]string)
	for _, assignment := range u.sections["Service"]["Environment"] {
		name, value, _ := strings.Cut(assignment, "=")
		set[name] = value
	}
	return set
}

func parse(name, text string) unit {
	u := unit{name, text, make(map[string]map[string][]string)}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			u.sections[section] = make(map[string][]string)
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if u.sections[section] == nil {
			u.sections[section] = make(map[string][]string)
		}
		u.sections[section][key] = append(u.sections[section][key], value)
	}
	return u
}

// units reads all files of a kind, in order of their names.
func units(t *testing.T, kind string) (all []unit) {
	t.Helper()
	paths, err := filepath.Glob(folder + "*." + kind)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s in %s (%v)", kind, folder, err)
	}
	slices.Sort(paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(filepath.Base(path), string(text)))
	}
	return all
}
