package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
)

// found is a report.
type found struct{ ok, kept bool }

func (f found) OK() bool          { return f.ok }
func (f found) Kept() bool        { return f.kept }
func (f found) Write(w io.Writer) { fmt.Fprintln(w, "found") }

func TestLogsAreKeptForThoseWhoWillReadThem(t *testing.T) {
	interrupted := fmt.Errorf("wait: %w: interrupt", context.Canceled)
	for _, c := range []struct {
		name   string
		report report // nil for none
		err    error
		empty  bool // nothing was written
		kept   bool
		says   string
	}{
		{"all is well", found{ok: true, kept: true}, nil, false, false, ""},
		{"a promise was broken", found{}, nil, false, true, "see the report; logs in "},
		{"a requirement was not met", found{kept: true}, nil, false, true, "see the report; logs in "},
		{"interrupted", found{kept: true}, interrupted, false, false, "interrupt"},
		{"interrupted after a promise was broken", found{}, interrupted, false, true, "interrupt"},
		{"a part has ended by itself", found{kept: true}, errors.New("queueA has ended"), false, true, "queueA has ended"},
		{"interrupted at the start", nil, interrupted, false, false, "interrupt"},
		{"it did not start", nil, errors.New("start the system"), false, true, "start the system"},
		{"there is nothing to start", nil, errors.New("no faasd found"), true, false, "no faasd found"},
	} {
		for _, named := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", named ", named), func(t *testing.T) {
				temp := t.TempDir()
				t.Setenv("TMPDIR", temp)
				var this common
				if named {
					this.setup.Logs = filepath.Join(temp, "named")
				}
				var out strings.Builder
				err := this.run(config.Stdio{Out: &out, Err: io.Discard}, func() (report, error) {
					if !c.empty {
						if err := os.WriteFile(filepath.Join(this.setup.Logs, "queueA.log"), nil, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					return c.report, c.err
				})
				if got := fmt.Sprint(err); err == nil != (c.says == "") || !strings.Contains(got, c.says) || c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("error %v, want one that says %q", err, c.says)
				}
				if (out.String() == "found\n") != (c.report != nil) {
					t.Errorf("it printed %q", out.String())
				}
				folders, _ := os.ReadDir(temp)
				if (len(folders) == 1) != (c.kept || named) {
					t.Errorf("in the folder for temporary files is %v", folders)
				}
			})
		}
	}
}

// parsed is a command with flags as they are typed.
func parsed(t *testing.T, c config.Command, line string) config.Command {
	t.Helper()
	if err := c.Settings().Parse(strings.Fields(line), func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestASoakLooksOftenEnough(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"": 10 * time.Second, "--duration 1m": 7500 * time.Millisecond, "--duration 4s": 500 * time.Millisecond,
		"--duration 8h --sample 1m": time.Minute, "--duration 1m --sample 5s": 5 * time.Second, "--duration 1m --sample 8s": 0,
	} {
		c := parsed(t, &soak{}, line).(*soak)
		switch err := c.Validate(); {
		case want == 0 && (!errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), "7.5s")):
			t.Errorf("%q: %v", line, err)
		case want > 0 && (err != nil || c.Sample != want):
			t.Errorf("%q: %v, every %s; want %s", line, err, c.Sample, want)
		}
	}
}

func TestATormentWithoutAFaultIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"": "", "--duration 16.5s": "", "--duration 16s": "at least 16.5s", "--duration 30s --every 40s": "at least 45s",
	} {
		err := parsed(t, &torment{}, line).Validate()
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
