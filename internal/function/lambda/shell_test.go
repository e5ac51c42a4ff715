package lambda

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestShellScriptOfTheDocumentsIsAFunction runs the script that
// docs/FUNCTIONS.md shows.
func TestShellScriptOfTheDocumentsIsAFunction(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	text, err := os.ReadFile("../../../docs/FUNCTIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Lambda runtime\n")
	_, block, _ := strings.Cut(section, "```sh\n")
	block, _, ok := strings.Cut(block, "```\n")
	if !ok {
		t.Fatal("docs/FUNCTIONS.md shows no script below Lambda runtime")
	}
	f := newFunction(t, Config{Code: script(t, block)})
	for range 3 {
		answers(t, f, `{"text":"hello"}`, `{"TEXT":"HELLO"}`)
	}
}
