package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestHelp(t *testing.T) {
	got := runProgram(t, nil, binary(t, "faasctl"), "--help")
	if got.code != config.ExitOK || got.err != "" {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
	golden(t, "help.txt", got.out)
}

// Command lines in the help are understood by the program.
func TestExamplesInTheHelpAreTrue(t *testing.T) {
	var lines []string
	for _, chapter := range program().Guide {
		for _, task := range chapter.Tasks {
			lines = append(lines, task.Line)
		}
	}
	for _, c := range program().Commands {
		lines = append(lines, c.Settings().Doc().Examples...)
	}
	for _, line := range lines {
		_, line, _ = strings.Cut("; "+strings.ReplaceAll(line, "| ", "; "), "; faasctl ")
		line, _, _ = strings.Cut(line, " >")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue // of another program
		}
		for _, c := range program().Commands {
			if s := c.Settings(); s.Doc().Name == words[0] {
				if err := s.Parse(words[1:], func(string) string { return "" }); err != nil {
					t.Errorf("faasctl %s: %v", line, err)
				}
				words = nil
				break
			}
		}
		if words != nil {
			t.Errorf("faasctl %s: no such command", line)
		}
	}
}

func TestVersionSaysWhichLibzmq(t *testing.T) {
	number := regexp.MustCompile(`\b\d+\.\d+\.\d+\b`)
	for _, program := range []string{"faasd", "faasctl"} {
		got := runProgram(t, nil, binary(t, program), "version")
		first, second, _ := strings.Cut(got.out, "\n")
		if got.code != config.ExitOK || !strings.HasPrefix(first, program+" ") || !strings.Contains(first, "go1.") || number.ReplaceAllString(second, "N") != "libzmq N\n" {
			t.Errorf("%s version: exit code %d, %q, %s", program, got.code, got.out, got.err)
		}
		got = runProgram(t, nil, binary(t, program), "version", "--json")
		var v struct {
			Program   string
			Libraries map[string]string
		}
		if err := json.Unmarshal([]byte(got.out), &v); err != nil || v.Program != program || !number.MatchString(v.Libraries["libzmq"]) {
			t.Errorf("%s version --json: %v, %s", program, err, got.out)
		}
	}
}
