package config

import (
	"context"
	_ "embed"
	"io"
	"strings"
)

// The scripts call the hidden command [completeWord], so that what they offer
// is what the program at hand knows. PROGRAM stands for its name.
var (
	//go:embed completion/script.bash
	bashScript string
	//go:embed completion/script.zsh
	zshScript string
	//go:embed completion/script.fish
	fishScript string
)

var shells = []string{"bash", "zsh", "fish"}

// completionCommand is the completion command of every program.
type completionCommand struct {
	program Program
	shell   []string
}

func (c *completionCommand) Settings() *Set {
	name := c.program.Name
	s := NewSet(Doc{
		Name: "completion", Summary: "a script by which the shell completes words",
		Description: "Prints a script for the shell. The script asks this program what a word can become: commands, flags and their values, and the names in a running system.",
		Examples: []string{
			"# bash: now, and in every shell from now on", "source <(" + name + " completion bash)", "echo 'source <(" + name + " completion bash)' >> ~/.bashrc",
			"# zsh", "source <(" + name + " completion zsh)", "echo 'source <(" + name + " completion zsh)' >> ~/.zshrc",
			"# fish", name + " completion fish | source", name + " completion fish > ~/.config/fish/completions/" + name + ".fish",
		},
	})
	s.Operands(&c.shell, strings.Join(shells, "|"), 1, 1).Complete(Fixed(shells...))
	return s
}

func (c *completionCommand) Validate() error {
	_, err := c.script()
	return err
}

func (c *completionCommand) Run(_ context.Context, std Stdio) error {
	script, err := c.script()
	if err != nil {
		return err
	}
	_, err = io.WriteString(std.Out, strings.ReplaceAll(script, "PROGRAM", c.program.Name))
	return err
}

func (c *completionCommand) script() (string, error) {
	switch shell := c.shell[0]; shell {
	case "bash":
		return bashScript, nil
	case "zsh":
		return zshScript, nil
	case "fish":
		return fishScript, nil
	default:
		if meant := closest(shell, shells); meant != "" {
			return "", Usagef("no completion for the shell %q: did you mean %s?", shell, meant)
		}
		return "", Usagef("no completion for the shell %q: write one of %s", shell, strings.Join(shells, ", "))
	}
}
