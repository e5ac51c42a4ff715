package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
)

// kill is a command that takes names from a running system.
type kill struct {
	workers []string
	queues  []string
	system  string
	found   func(ctx context.Context) []config.Candidate
}

func (c *kill) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "kill", Summary: "end workers"})
	find := func(ctx context.Context) []config.Candidate {
		if c.found != nil {
			return c.found(ctx)
		}
		return []config.Candidate{{Value: c.system + "1", Summary: "up"}, {Value: c.system + "2"}, {Value: c.system + "2"}, {Value: c.system + "3", Summary: "\x1b[31mlost\n"}}
	}
	s.Operands(&c.workers, "WORKER...", 1, -1).Complete(find)
	s.Strings(&c.queues, "queue", nil, "QUEUE[,…]", "only of these").Complete(config.Fixed("queueA", "queueB", "bad;rm", "$(x)"))
	s.String(&c.system, "system", "w", "NAME", "which system")
	var force bool
	var level, file, data string
	s.Bool(&force, "force", false, "at once")
	s.Enum(&level, "level", "info", []string{"debug", "info"}, "how loud")
	s.String(&file, "body", "", "@FILE", "what to say").CompleteFiles("@")
	s.DataDir(&data, "folder")
	return s
}

func (c *kill) Validate() error                         { return nil }
func (c *kill) Run(context.Context, config.Stdio) error { return nil }

// scale takes operands of two kinds.
type scale struct{ operands []string }

func (c *scale) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "scale", Summary: "more or fewer"})
	s.Operands(&c.operands, "QUEUE N", 2, 2).Complete(config.Fixed("queueA"), nil)
	return s
}

func (c *scale) Validate() error                         { return nil }
func (c *scale) Run(context.Context, config.Stdio) error { return nil }

// complete runs the hidden command and returns the lines.
func complete(t *testing.T, k *kill, env string, words ...string) string {
	t.Helper()
	p := config.Program{Name: "faasctl", Commands: []config.Command{k, &scale{}}}
	var out, errs bytes.Buffer
	code := config.Main(p, append([]string{"__complete"}, words...), config.Stdio{Out: &out, Err: &errs, Env: environment(env)})
	if code != config.ExitOK || errs.Len() > 0 {
		t.Errorf("%q: exit code %d, %s; completion never complains", words, code, &errs)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func TestAWordIsCompletedToWhatCanStandThere(t *testing.T) {
	const (
		all     = "kill\tend workers\nscale\tmore or fewer\ncompletion\ta script by which the shell completes words\nversion\twhat was built, from what\nhelp\thelp on a command"
		workers = "w1\tup\nw2\nw3\t?[31mlost?"
	)
	for _, tt := range []struct{ words, want string }{
		{"", all},
		{"ki", "kill\tend workers"},
		{"x", ""},
		{"--", "--help\twhat there is\n--version\twhat was built, from what"},
		{"help ", all},
		{"help ki", "kill\tend workers"},
		{"help kill ", ""},
		{"nonsense ", ""},
		{"completion ", "bash\nzsh\nfish"},
		{"version --", "--json\tprint JSON for programs\n--help\thelp on this command"},
		{"version ", "--json\tprint JSON for programs\n--help\thelp on this command"}, // no operands: flags are all there is

		{"kill ", workers},
		{"kill w1 ", "w2\nw3\t?[31mlost?"},
		{"kill w1 w2 w3 ", ""},
		{"kill --force w1 ", "w2\nw3\t?[31mlost?"},
		{"kill --system v ", "v1\tup\nv2\nv3\t?[31mlost?"},
		{"kill --system=v v2", "v2"},
		{"kill --nonsense ", ""},
		{"kill --help ", ""},
		{"kill --level nonsense w1 w", "w2\nw3\t?[31mlost?"},
		{"kill -- ", workers},
		{"kill -- --", ""},

		{"kill --fo", "--force\tat once"},
		{"kill --force --fo", ""},
		{"kill --queue queueA --qu", "--queue\tonly of these"},
		{"kill --force=", "--force=true\n--force=false"},
		{"kill --force ", workers},
		{"kill --nonsense=", ""},
		{"kill --level ", "debug\ninfo"},
		{"kill --level=d", "--level=debug"},
		{"kill --system ", ""},
		{"kill --queue ", "queueA\nqueueB"},
		{"kill --queue queueA,", "queueA,queueB"},
		{"kill --queue=queueB,q", "--queue=queueB,queueA"},
		{"kill --queue $(x),", ""},
		{"kill --data ", ":folders "},
		{"kill --data /t", ":folders "},
		{"kill --data=/t", ":folders --data="},
		{"kill --body @", ":files @"},
		{"kill --body=@x", ":files --body=@"},
		{"kill --body x", ""},

		{"scale ", "queueA"},
		{"scale queueA ", ""},
		{"scale queueA 3 ", "--help\thelp on this command"},
		{"scale queueA 3 x", ""},
	} {
		if got := complete(t, &kill{}, "", strings.Split(tt.words, " ")...); got != tt.want {
			t.Errorf("%q becomes\n%s\nwant\n%s", tt.words, got, tt.want)
		}
	}
	if got := complete(t, &kill{}, "FAASD_SYSTEM=e", "kill", "e1"); got != "e1\tup" {
		t.Errorf("with the system from the environment: %q", got)
	}
	if got := complete(t, &kill{}, ""); got != all {
		t.Errorf("without a word: %q", got)
	}
}

func TestALineIsSplitAsAShellDoes(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"faasctl", "kill"},
		{"faasctl ki", "kill"},
		{"  faasctl  kill   w2", "w2"},
		{`faasctl kill --system "my v" my`, ""}, // no name
		{`faasctl kill --system "v" v2`, "v2"},
		{`faasctl kill --system 'v' v2`, "v2"},
		{`faasctl kill --system \v v2`, "v2"},
		{`faasctl kill "w2`, "w2"},
		{`faasctl kill 'w2`, "w2"},
		{`faasctl kill w\`, "w1"},
		{`faasctl kill --system "a\"b" w1`, ""},
		{"/opt/my\\ tools/faasctl kill w2", "w2"},
		{"faasctl kill --data ~/x w2", "w2"},
	} {
		if got := complete(t, &kill{}, "", "--line", tt.line); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: %q, want %q first", tt.line, got, tt.want)
		}
	}
}

// What comes from the network must reach neither a shell's parser nor a
// terminal.
func TestNothingButNamesAreOffered(t *testing.T) {
	var evil []config.Candidate
	for _, v := range []string{
		"", "$(reboot)", "`reboot`", "a b", "a;b", "a'b", `a"b`, `a\b`, "a\nb", "a\tb", "-a", "--all", "~", "*", "a/b", "\x1b[2J", "a\x00",
		"é", "a&b", "a|b", ":files", "a>b", "a:b", "a=b", "!a", "a!b", "#a", strings.Repeat("a", 65),
	} {
		evil = append(evil, config.Candidate{Value: v})
	}
	evil = append(evil, config.Candidate{Value: "good-1.x_Y", Summary: "\x1b]0;t\a\r\n\t$(x)"})
	k := &kill{found: func(context.Context) []config.Candidate { return evil }}
	if got := complete(t, k, "", "kill", ""); got != "good-1.x_Y\t?]0;t????$(x)" {
		t.Errorf("offered: %q", got)
	}
}

func TestALookupThatHangsIsNotWaitedFor(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	for name, found := range map[string]func(context.Context) []config.Candidate{
		"until its time is over": func(ctx context.Context) []config.Candidate { <-ctx.Done(); return nil },
		"longer":                 func(context.Context) []config.Candidate { <-forever; return nil },
	} {
		began := time.Now()
		if got := complete(t, &kill{found: found}, "", "kill", ""); got != "" {
			t.Errorf("%s: %q", name, got)
		}
		if took := time.Since(began); took < 500*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: took %s, want about a second", name, took)
		}
	}
}

func TestVersionForPrograms(t *testing.T) {
	var out bytes.Buffer
	if code := config.Main(program(), []string{"version", "--json"}, config.Stdio{Out: &out, Env: environment()}); code != config.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	var v struct {
		Program, Version, Go string
		Libraries            map[string]string
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if v.Program != "faasd" || v.Version == "" || !strings.HasPrefix(v.Go, "go") || v.Libraries["libzmq"] != "4.3.4" {
		t.Errorf("%s", &out)
	}
}

func TestGiven(t *testing.T) {
	for _, tt := range []struct {
		args []string
		env  string
		want bool
	}{{nil, "", false}, {[]string{"--body="}, "", true}, {nil, "FAASD_BODY=x", true}, {nil, "FAASD_BODY=", false}} {
		var body string
		s := config.NewSet(config.Doc{Name: "invoke"})
		setting := s.String(&body, "body", "", "TEXT", "what to send")
		if err := s.Parse(tt.args, environment(tt.env)); err != nil || setting.Given() != tt.want {
			t.Errorf("%q %s: %t, %v", tt.args, tt.env, setting.Given(), err)
		}
	}
}

func FuzzComplete(f *testing.F) {
	for _, seed := range []string{"", "faasctl ki", `faasctl kill "a\"`, "~/faasctl kill --queue=a,", "x '"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for l := range strings.Lines(complete(t, &kill{}, "", "--line", line)) {
			if value, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t"); strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-=,:@ ") != "" {
				t.Errorf("%q is offered for %q", value, line)
			}
		}
	})
}
