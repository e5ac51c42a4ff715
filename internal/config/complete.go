package config

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"
)

// completeWord is the hidden command that prints what the last of its words
// can become, one a line: the word, and behind a tab what it is. A line of
// pathsOf tells the shell to complete a path instead.
//
//	faasctl __complete status --lo     → --log-level	least severe lines to …
//	faasctl __complete status --data x → :folders
const completeWord = "__complete"

// lineFlag says that the one word behind it is the command line as typed, not
// yet split into words: bash splits them as no program gets them.
const lineFlag = "--line"

// A live lookup has lookUpWithin; a program that does not keep to it is not
// waited for beyond completeWithin.
const (
	lookUpWithin   = 700 * time.Millisecond
	completeWithin = 900 * time.Millisecond
)

// Candidate is what a word can become.
type Candidate struct {
	Value   string
	Summary string // a few words, shown by shells that show any; may be empty
}

// Lookup finds what an operand or the value of a flag can be, in a running
// system perhaps. It is called when the settings given so far are parsed, ends
// when ctx does, and returns nothing if it cannot know. What is no name (see
// [ValidName]) is not offered, so nothing from the network gets into a shell.
type Lookup func(ctx context.Context) []Candidate

// Fixed returns a lookup that always finds the same.
func Fixed(values ...string) Lookup {
	var all []Candidate
	for _, v := range values {
		all = append(all, Candidate{Value: v})
	}
	return func(context.Context) []Candidate { return all }
}

// completeWords runs the hidden command. Whatever is wrong, there is nothing to
// say while somebody types.
func (p Program) completeWords(words []string, std Stdio) int {
	if len(words) == 2 && words[0] == lineFlag {
		words = splitLine(words[1], std.Env("HOME"))[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpWithin)
	defer cancel()
	found := make(chan []string, 1)
	go func() { found <- p.complete(ctx, words, std.Env) }()
	late := time.NewTimer(completeWithin)
	defer late.Stop()
	select {
	case lines := <-found:
		for _, line := range lines {
			_, _ = io.WriteString(std.Out, line+"\n")
		}
	case <-late.C:
	}
	return ExitOK
}

// complete returns the lines for the last of the words.
func (p Program) complete(ctx context.Context, words []string, env func(string) string) []string {
	last := len(words) - 1
	before, word := words[:last], words[last]
	switch {
	case last == 0 && strings.HasPrefix(word, "-"):
		return offer([]Candidate{{"--help", "what there is"}, {"--version", "what was built, from what"}}, "", word)
	case last == 0 || last == 1 && before[0] == "help":
		return offer(p.commandSummaries(), "", word)
	}
	_, set, err := p.find(before[0])
	if err != nil {
		return nil
	}
	return set.complete(ctx, before[1:], word, env)
}

// complete returns the lines for a word behind the arguments before it.
func (s *Set) complete(ctx context.Context, before []string, word string, env func(string) string) []string {
	operands, unfinished, err := s.takeFlags(before)
	if err != nil {
		return nil
	}
	for _, t := range s.settings {
		_ = t.resolve(env) // what is wrong is said when the command is run
	}
	if unfinished != nil {
		return unfinished.complete(ctx, "", word)
	}
	noFlags := slices.Contains(before, "--")
	if !noFlags && strings.HasPrefix(word, "-") {
		flag, value, hasValue := strings.Cut(word, "=")
		if t := s.setting(flag); hasValue && t != nil {
			return t.complete(ctx, flag+"=", value)
		}
		return s.completeFlag(word)
	}
	if o := s.operands; o.into == nil || o.most >= 0 && len(operands) >= o.most {
		if noFlags || word != "" {
			return nil
		}
		return s.completeFlag(word)
	}
	if n := s.operands.files; n > 0 && len(operands) >= n {
		return []string{pathsFiles + " "}
	}
	*s.operands.into = operands // a lookup may depend on those before
	lookups := s.operands.lookups
	if len(lookups) == 0 {
		return nil
	}
	found := names(ctx, lookups[min(len(operands), len(lookups)-1)], operands)
	return offer(found, "", word)
}

// completeFlag offers the flags that are not given yet, or can be given again.
func (s *Set) completeFlag(word string) []string {
	var flags []Candidate
	for _, t := range s.settings {
		if len(t.given) == 0 || t.list {
			flags = append(flags, Candidate{t.Flag(), t.meaning})
		}
	}
	return offer(append(flags, Candidate{"--help", "help on this command"}), "", word)
}

// complete returns the lines for a value of the setting. What the word has
// before the value stays.
func (t *Setting) complete(ctx context.Context, before, word string) []string {
	switch {
	case t.paths != "" && strings.HasPrefix(word, t.pathsBehind):
		return []string{t.paths + " " + before + t.pathsBehind}
	case t.toggle:
		return offer(Fixed("true", "false")(ctx), before, word)
	case t.lookup == nil:
		return nil
	}
	var given []string
	if comma := strings.LastIndexByte(word, ','); t.list && comma >= 0 {
		given = strings.Split(word[:comma], ",")
		if slices.ContainsFunc(given, func(name string) bool { return !nameRule.MatchString(name) }) {
			return nil // the shell would have to quote it again
		}
		before, word = before+word[:comma+1], word[comma+1:]
	}
	return offer(names(ctx, t.lookup, given), before, word)
}

// names returns what a lookup finds, without what is no name or is given
// already. A nil lookup finds nothing.
func names(ctx context.Context, find Lookup, given []string) []Candidate {
	if find == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(find(ctx)), func(c Candidate) bool {
		return !nameRule.MatchString(c.Value) || slices.Contains(given, c.Value)
	})
}

// offer writes those candidates that the word can become, each once.
func offer(all []Candidate, before, word string) []string {
	var lines []string
	seen := make(map[string]bool)
	for _, c := range all {
		if seen[c.Value] || !strings.HasPrefix(c.Value, word) {
			continue
		}
		seen[c.Value] = true
		line := before + c.Value
		if c.Summary != "" {
			line += "\t" + Printable(c.Summary)
		}
		lines = append(lines, line)
	}
	return lines
}

// splitLine splits a line into words as a shell does that expands nothing but
// ~/ at the start of a word. The last word may be unfinished; there is at least
// one.
func splitLine(line, home string) []string {
	var (
		words  []string
		word   strings.Builder
		quote  byte // the open quotation mark, 0 for none
		inWord bool
	)
	for i := 0; i < len(line); i++ {
		c := line[i]
		next := byte(0)
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && (quote == 0 || quote == '"' && strings.IndexByte("$`\"\\", next) >= 0):
			if i++; next != 0 {
				word.WriteByte(next)
			}
		case c == '~' && quote == 0 && !inWord && next == '/':
			word.WriteString(home)
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	return append(words, word.String())
}
