package config

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// helpWidth is how wide help is written, in columns.
const helpWidth = 100

// Usage writes the command's help: what it does, how it is called, its
// settings by group, each with its default and variable, and examples.
func (s *Set) Usage(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n  %s\n", s.title(), s.doc.Summary, s.usageLine())
	if s.doc.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(s.doc.Description))
	}
	s.writeSettings(&b)
	if len(s.doc.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, line := range s.doc.Examples {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	if len(s.settings) > 0 {
		b.WriteString("\nA flag beats its environment variable, which beats the default.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Set) writeSettings(b *strings.Builder) {
	width := 0
	for _, t := range s.settings {
		width = max(width, utf8.RuneCountInString(t.heading()))
	}
	indent := strings.Repeat(" ", width+4)
	for _, group := range s.groups() {
		fmt.Fprintf(b, "\n%s:\n", group)
		for _, t := range s.settings {
			if t.group != group {
				continue
			}
			gap := strings.Repeat(" ", width-utf8.RuneCountInString(t.heading())+2)
			meaning := wrap(t.meaning, helpWidth-len(indent), indent)
			fmt.Fprintf(b, "  %s%s%s\n%s%s\n", t.heading(), gap, meaning, indent, t.fine())
		}
	}
}

// groups returns the headings in the order in which they were first used.
func (s *Set) groups() []string {
	var groups []string
	seen := make(map[string]bool)
	for _, t := range s.settings {
		if !seen[t.group] {
			seen[t.group] = true
			groups = append(groups, t.group)
		}
	}
	return groups
}

// synopsis is the flag with what it takes: "--http ADDR".
func (t *Setting) synopsis() string {
	if t.placeholder == "" {
		return t.Flag()
	}
	return t.Flag() + " " + t.placeholder
}

// heading is how the help begins the setting: "-f, --file FILE".
func (t *Setting) heading() string {
	if t.short == "" {
		return t.synopsis()
	}
	return t.short + ", " + t.synopsis()
}

// fine is the small print below a setting's meaning.
func (t *Setting) fine() string {
	parts := make([]string, 0, 3)
	if t.limits != "" {
		parts = append(parts, t.limits)
	}
	switch {
	case t.Default() != "":
		parts = append(parts, "default "+t.Default())
	case t.required:
		parts = append(parts, "required")
	default:
		parts = append(parts, "no default")
	}
	if !t.flagOnly {
		parts = append(parts, t.Variable())
	}
	return "[" + strings.Join(parts, "; ") + "]"
}

// Table returns the settings as Markdown, for README.md and the test that
// holds it against the declarations: a heading row, then one row a setting.
func (s *Set) Table() string {
	var b strings.Builder
	b.WriteString("| flag | environment | default | meaning |\n|---|---|---|---|\n")
	for _, t := range s.settings {
		def := "–"
		if t.Default() != "" {
			def = "`" + t.Default() + "`"
		}
		meaning := t.meaning
		if t.limits != "" {
			meaning += " (" + t.limits + ")"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", t.Flag(), t.Variable(), cell(def), cell(meaning))
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// title is the command as the user types it: "faasd broker".
func (s *Set) title() string {
	return strings.TrimSpace(s.program + " " + s.doc.Name)
}

func (s *Set) usageLine() string {
	line := s.title()
	if len(s.settings) > 0 {
		line += " [flags]"
	}
	if s.operands.synopsis != "" {
		line += " " + s.operands.synopsis
	}
	return line
}

func (s *Set) seeHelp() string {
	return fmt.Sprintf(" (see %s --help)", s.title())
}

// wrap breaks text between words into lines of at most width columns, each but
// the first indented.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
