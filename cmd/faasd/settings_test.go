package main

import (
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"faasd/internal/config"
)

var update = flag.Bool("update", false, "write documents anew instead of comparing them")

var settingsBlock = regexp.MustCompile(`(?s)<!-- settings: (\w+) -->\n(.*?)<!-- end -->`)

// The documents' tables of settings are what the programs declare.
func TestSettingsTablesAreTrue(t *testing.T) {
	tables := make(map[string]string)
	for _, c := range program().Commands {
		s := c.Settings()
		tables[s.Doc().Name] = s.Table()
	}
	seen := make(map[string]bool)
	for _, path := range []string{"../../README.md", "../../docs/SETTINGS.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := settingsBlock.ReplaceAllStringFunc(string(text), func(block string) string {
			name := settingsBlock.FindStringSubmatch(block)[1]
			seen[name] = true
			if tables[name] == "" {
				t.Errorf("%s has settings of %q, which is no command", path, name)
			}
			return "<!-- settings: " + name + " -->\n" + tables[name] + "<!-- end -->"
		})
		if want == string(text) {
			continue
		}
		if !*update {
			t.Errorf("%s: settings differ from the program's; run go test ./cmd/faasd -run Settings -update", path)
		} else if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range tables {
		if !seen[name] {
			t.Errorf("the settings of faasd %s are in no document", name)
		}
	}
}

// Each command declares itself without a conflict, and says what it is for.
func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range program().Commands {
		d := c.Settings().Doc()
		if d.Name == "" || d.Summary == "" || d.Description == "" || len(d.Examples) == 0 {
			t.Errorf("command %q: name, summary, description and examples are needed, got %+v", d.Name, d)
		}
	}
	var _ config.Command = &up{}
}

// What has no effect without --store is not taken silently; variables are, since
// other programs go by them.
func TestAFrontendWithoutAStoreTakesNoFlagsOfOne(t *testing.T) {
	for _, tt := range []struct {
		args []string
		env  string // FAASD_ADMIN
		want bool
	}{
		{[]string{"--admin", "127.0.0.1:0"}, "", false},
		{[]string{"--package-bind", "tcp://127.0.0.1:0"}, "", false},
		{nil, "127.0.0.1:0", true},
		{[]string{"--store", "x", "--admin", "127.0.0.1:0"}, "", true},
	} {
		c := new(frontend)
		err := c.Settings().Parse(tt.args, func(name string) string {
			if name == "FAASD_ADMIN" {
				return tt.env
			}
			return ""
		})
		if err == nil {
			err = c.Validate()
		}
		if tt.want && err != nil || !tt.want && (!errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), tt.args[0]+" does nothing without --store")) {
			t.Errorf("%q, FAASD_ADMIN=%s: %v", tt.args, tt.env, err)
		}
	}
}
