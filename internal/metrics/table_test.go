package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the document's table anew instead of comparing it")

var block = regexp.MustCompile(`(?s)<!-- metrics: begin -->\n.*?<!-- metrics: end -->`)

func TestTheDocumentListsAllMetrics(t *testing.T) {
	const path = "../../docs/OPERATING.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("<!-- metrics: begin -->\n| metric | kind | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range All {
		labels := "–"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, labels, m.Help)
	}
	table.WriteString("<!-- metrics: end -->")
	if !block.Match(text) {
		t.Fatalf("%s has no place for the table", path)
	}
	want := block.ReplaceAllLiteralString(string(text), table.String())
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of %s is not that of the code: run go test ./internal/metrics -update", path)
	}
}
