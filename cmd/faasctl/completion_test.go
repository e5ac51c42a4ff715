package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// How each shell is made to complete the line in $LINE and to print what it
// would offer, one a line, after it has read the script as its users do. What
// the shells do with it at a terminal is theirs.
var drivers = map[string]string{
	"bash": `
source <(faasctl completion bash) || exit 1
compopt() { printf '<%s>\n' "$*"; } # works while a user types only
COMP_LINE=$LINE COMP_POINT=${#LINE}
word=${LINE##*[ =:]}
_faasctl_complete faasctl "$word" ''
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
exit 0`,
	"zsh": `
_describe() { print -rl -- ${${(P)2}%%:*} }
_files() { print -r -- "<files $*>" }
compset() { print -r -- "<behind $2>" }
compdef() { registered="$*" }
source <(faasctl completion zsh) || exit 1
[[ $registered == "_faasctl faasctl" ]] || exit 1
words=("${(@s: :)LINE}") CURRENT=${#words} PREFIX=$words[-1]
_faasctl
exit 0`,
	"fish": `
faasctl completion fish | source
complete -C "$LINE" | string replace -r '\t.*' ''
true`,
}

// A shell that completes.
type shell struct {
	t    *testing.T
	name string
	bin  string // folder in which faasctl is this test binary
}

func startShell(t *testing.T, name string) *shell {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed; scripts/deps --test installs it", name)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t, name, t.TempDir()}
	if err := os.Symlink(self, filepath.Join(s.bin, "faasctl")); err != nil {
		t.Fatal(err)
	}
	return s
}

// complete returns what the shell offers for a line, sorted.
func (s *shell) complete(line string) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := map[string][]string{"bash": {"--norc", "--noprofile", "-uc"}, "zsh": {"-fc"}, "fish": {"--no-config", "-c"}}[s.name]
	cmd := exec.CommandContext(ctx, s.name, append(args, drivers[s.name])...)
	cmd.Dir = s.bin
	cmd.Env = environ("LINE="+line, "HOME="+s.bin, "PATH="+s.bin+":"+os.Getenv("PATH"), runAsFaasctl+"=1", "GORACE=atexit_sleep_ms=0")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		s.t.Fatalf("%s: %q: %v\n%s%s", s.name, line, err, out, &errs)
	}
	found := strings.Fields(string(out))
	slices.Sort(found)
	return found
}

// mustOffer fails the test unless the shell offers just that. On a busy machine
// a lookup may give up, which offers nothing; then the user presses TAB again.
func (s *shell) mustOffer(line string, want ...string) {
	s.t.Helper()
	slices.Sort(want)
	got := s.complete(line)
	for tries := 1; tries < 5 && len(got) == 0 && len(want) > 0; tries++ {
		got = s.complete(line)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: %q becomes %q, want %q", s.name, line, got, want)
	}
}

func TestShellsCompleteNamesOfARunningSystem(t *testing.T) {
	data := t.TempDir()
	startUp(t, data)
	p := picture(t, data, "three workers", func(p operator.Picture) bool { return p.Totals.Workers == 3 && len(p.Workers) == 3 })
	running, err := config.ReadRunning(data)
	if err != nil {
		t.Fatal(err)
	}
	var workers []string
	for _, w := range p.Workers {
		workers = append(workers, w.Name)
	}
	for name := range drivers {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, name)
			at := "faasctl pick --data " + data + " "
			s.mustOffer(at, workers...)
			s.mustOffer(at+workers[0]+" ", workers[1:]...)
			s.mustOffer(at+workers[0][:len(workers[0])-1], slices.DeleteFunc(slices.Clone(workers), func(w string) bool {
				return !strings.HasPrefix(w, workers[0][:len(workers[0])-1])
			})...)
			s.mustOffer(at+"--queue ", "queueA", "queueB", "queueC")
			s.mustOffer(at+"--queue queueA,queueC,q", "queueA,queueC,queueB")
			s.mustOffer(at+"--function ", "echo")
			s.mustOffer("faasctl invoke --data "+data+" e", "echo")
			s.mustOffer("faasctl functions --data "+data+" r", "rm", "rollback")
			s.mustOffer("faasctl functions --data "+data+" rm ", "echo")
			s.mustOffer("faasctl pick --coordinator "+running.Coordinator+" ", workers...)
		})
	}
}

func TestShellsCompleteCommandsAndFlags(t *testing.T) {
	for name := range drivers {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, name)
			s.mustOffer("faasctl st", "status")
			s.mustOffer("faasctl completion ", shellNames()...)
			s.mustOffer("faasctl help inv", "invoke")
			s.mustOffer("faasctl invoke --js", "--json")
			s.mustOffer("faasctl invoke --coordinator tcp://127.0.0.1:1 --js", "--json")
			s.mustOffer("faasctl nonsense ")
			s.mustOffer("faasctl invoke --nonsense ")
			// Without a cluster there is nothing, not even a complaint.
			s.mustOffer("faasctl invoke --data " + s.bin + " ")
			s.mustOffer("faasctl invoke --coordinator tcp://127.0.0.1:1 ")
			// Nothing that is typed is run.
			s.complete("faasctl invoke --data $(touch${IFS}ran) `touch${IFS}ran` ;touch${IFS}ran ")
			if _, err := os.Stat(filepath.Join(s.bin, "ran")); err == nil {
				t.Error("completing a line has run what is in it")
			}
		})
	}
}

func shellNames() []string { return []string{"bash", "zsh", "fish"} }

func TestShellsCompletePaths(t *testing.T) {
	for name, want := range map[string]struct{ data, body []string }{
		"bash": {[]string{"<-o", "dirnames>"}, []string{"@faasctl"}},
		"zsh":  {[]string{"-/>", "0>", "<behind", "<files"}, []string{"1>", "<behind", "<files", ">"}},
		"fish": {[]string{"folder/"}, []string{"@faasctl"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, name)
			if err := os.Mkdir(filepath.Join(s.bin, "folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			s.mustOffer("faasctl invoke --data ", want.data...)
			s.mustOffer("faasctl invoke --body @faas", want.body...)
			if name == "fish" { // the others' own completion of files is not seen here
				s.mustOffer("faasctl deploy hello fol", "folder/")
			}
		})
	}
}

// The parts that follow = and : are words of their own to bash.
func TestBashReplacesOnlyWhatItTakesForTheWord(t *testing.T) {
	s := startShell(t, "bash")
	s.mustOffer("faasctl invoke --json=t", "true")
	s.mustOffer("faasctl invoke --json=", "false", "true")
}

func TestCompletionScriptsOfBothPrograms(t *testing.T) {
	for _, program := range []string{"faasd", "faasctl"} {
		for _, name := range shellNames() {
			got := runProgram(t, nil, binary(t, program), "completion", name)
			if got.code != config.ExitOK || !strings.Contains(got.out, program+" completion "+name) || strings.Contains(got.out, "PROGRAM") {
				t.Errorf("%s completion %s: exit code %d, %s\n%s", program, name, got.code, got.err, got.out)
			}
		}
	}
	got := runProgram(t, nil, binary(t, "faasd"), "__complete", "up", "--log-level", "")
	if got.out != "debug\ninfo\nwarn\nerror\n" {
		t.Errorf("faasd completes levels to %q, %s", got.out, got.err)
	}
}
