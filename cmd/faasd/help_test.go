package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	code := config.Main(program(), []string{"--help"}, config.Stdio{Out: &out, Err: &errs, Env: func(string) string { return "" }})
	if code != config.ExitOK || errs.Len() > 0 {
		t.Errorf("exit code %d, %s", code, &errs)
	}
	path := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// Command lines in the help are understood by the program.
func TestExamplesInTheHelpAreTrue(t *testing.T) {
	var lines []string
	for _, chapter := range program().Guide {
		for _, task := range chapter.Tasks {
			lines = append(lines, task.Line)
		}
	}
	commands := make(map[string]config.Command)
	for _, c := range program().Commands {
		doc := c.Settings().Doc()
		commands[doc.Name] = c
		lines = append(lines, doc.Examples...)
	}
	for _, line := range lines {
		words := strings.Fields(strings.ReplaceAll(line, "'", ""))
		if words[0] != "faasd" {
			continue
		}
		c := commands[words[1]]
		if c == nil {
			t.Errorf("%s: no such command", line)
			continue
		}
		if err := c.Settings().Parse(words[2:], func(name string) string { return map[string]string{"HOME": "/home/someone"}[name] }); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
