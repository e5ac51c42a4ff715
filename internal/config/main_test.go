package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
)

// roleVariable makes the test binary behave as a faasd with the commands below.
const roleVariable = "CONFIG_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		os.Exit(config.Main(program(), os.Args[1:], config.OS()))
	}
	os.Exit(m.Run())
}

// broker is a command as cmd/faasd has them.
type broker struct {
	queues int
	fail   string
}

func (c *broker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name: "broker", Summary: "spread requests over queues",
		Description: "A broker takes what frontends accept.",
		Examples:    []string{"# on another machine", "faasd broker --queues 4"},
	})
	s.Group("Limits")
	s.Int(&c.queues, "queues", 3, 1, 64, "how many queues")
	s.String(&c.fail, "fail", "", "HOW", "how to end, which has to be explained at such length that it does not fit into one line of help")
	return s
}

func (c *broker) Validate() error {
	if c.fail == "validate" {
		return config.Usagef("--fail and --queues exclude each other")
	}
	return nil
}

func (c *broker) Run(ctx context.Context, std config.Stdio) error {
	switch c.fail {
	case "run":
		return errors.Join(errors.New("bind tcp://*:8009: address in use"), errors.New("stop what uses it"))
	case "escape":
		return errors.New("worker \x1b[31mred\a \u202eback")
	case "cluster":
		return &config.ExitError{Code: config.ExitNoCluster, Err: errors.New("no cluster")}
	case "silent":
		return &config.ExitError{Code: 5}
	case "wait", "ignore", "interrupted":
		fmt.Fprintln(std.Out, "running")
		<-ctx.Done()
		fmt.Fprintln(std.Out, "stopping:", context.Cause(ctx))
		if c.fail == "ignore" {
			select {}
		}
		if c.fail == "interrupted" {
			return ctx.Err()
		}
	default:
		fmt.Fprintf(std.Out, "%d queues\n", c.queues)
	}
	return nil
}

func program() config.Program {
	return config.Program{
		Name: "faasd", Summary: "functions over ZeroMQ", Commands: []config.Command{&broker{}},
		Guide: []config.Chapter{
			{Heading: "Begin", Tasks: []config.Task{{Line: "faasd broker", Meaning: "start"}}},
			{Heading: "Go on", Tasks: []config.Task{{Line: "faasd broker --queues 4", Meaning: "with more queues"}}},
		},
		Libraries: []config.Library{{Name: "libzmq", Version: "4.3.4"}},
	}
}

const programHelp = `faasd: functions over ZeroMQ

Usage:
  faasd COMMAND [flags]

Commands:
  broker      spread requests over queues
  completion  a script by which the shell completes words
  version     what was built, from what
  help        help on a command

Begin:
  faasd broker             start

Go on:
  faasd broker --queues 4  with more queues

faasd COMMAND --help says what a command's flags are.
`

const brokerHelp = `faasd broker: spread requests over queues

Usage:
  faasd broker [flags]

A broker takes what frontends accept.

Limits:
  --queues N  how many queues
              [1 to 64; default 3; FAASD_QUEUES]
  --fail HOW  how to end, which has to be explained at such length that it does not fit into one
              line of help
              [no default; FAASD_FAIL]

Examples:
  # on another machine
  faasd broker --queues 4

A flag beats its environment variable, which beats the default.
`

func TestMainAnswersAndExits(t *testing.T) {
	for _, tt := range []struct {
		args, env string
		code      int
		out, err  string
	}{
		{"", "", 2, "", programHelp},
		{"--help", "", 0, programHelp, ""},
		{"-h", "", 0, programHelp, ""},
		{"help", "", 0, programHelp, ""},
		{"help broker", "", 0, brokerHelp, ""},
		{"broker --help", "FAASD_QUEUES=x", 0, brokerHelp, ""},
		{"help brokr", "", 2, "", "faasd: unknown command \"brokr\": did you mean broker? (see faasd --help)\n"},
		{"brokr --queues 1", "", 2, "", "faasd: unknown command \"brokr\": did you mean broker? (see faasd --help)\n"},
		{"teapot", "", 2, "", "faasd: unknown command \"teapot\" (see faasd --help)\n"},
		{"--queues 1 broker", "", 2, "", "faasd: unknown flag --queues: a command comes first (see faasd --help)\n"},
		{"version", "", 0, config.VersionLine("faasd") + "\nlibzmq 4.3.4\n", ""},
		{"--version", "", 0, config.VersionLine("faasd") + "\nlibzmq 4.3.4\n", ""},
		{"version now", "", 2, "", "faasd version: unexpected argument \"now\": every setting is a flag (see faasd version --help)\n"},
		{"completion", "", 2, "", "faasd completion: missing argument: write faasd completion bash|zsh|fish (see faasd completion --help)\n"},
		{"completion bsh", "", 2, "", "faasd completion: no completion for the shell \"bsh\": did you mean bash?\n"},
		{"completion tcsh", "", 2, "", "faasd completion: no completion for the shell \"tcsh\": write one of bash, zsh, fish\n"},
		{"broker", "", 0, "3 queues\n", ""},
		{"broker --queues 4", "", 0, "4 queues\n", ""},
		{"broker", "FAASD_QUEUES=5", 0, "5 queues\n", ""},
		{"broker", "FAASD_QUEUES=x", 2, "", "faasd broker: FAASD_QUEUES \"x\": not a whole number in range: write 1 to 64\n"},
		{"broker --queue 4", "", 2, "", "faasd broker: unknown flag --queue: did you mean --queues? (see faasd broker --help)\n"},
		{"broker --fail validate", "", 2, "", "faasd broker: --fail and --queues exclude each other\n"},
		{"broker --fail run", "", 1, "", "faasd broker: bind tcp://*:8009: address in use; stop what uses it\n"},
		{"broker --fail escape", "", 1, "", "faasd broker: worker ?[31mred? ?back\n"},
		{"broker --fail cluster", "", 3, "", "faasd broker: no cluster\n"},
		{"broker --fail silent", "", 5, "", ""},
		{"broker", "FAASD_LIFELINE_FD=x", 2, "", "faasd: FAASD_LIFELINE_FD \"x\": not the number of an open pipe: leave it unset\n"},
		{"broker", "FAASD_LIFELINE_FD=999", 2, "", "faasd: FAASD_LIFELINE_FD \"999\": not the number of an open pipe: leave it unset\n"},
	} {
		t.Run(tt.args+" "+tt.env, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := config.Main(program(), strings.Fields(tt.args), config.Stdio{
				In: strings.NewReader(""), Out: &out, Err: &errs, Env: environment(tt.env),
			})
			if code != tt.code || out.String() != tt.out || errs.String() != tt.err {
				t.Errorf("code %d, want %d\nout %q\nwant %q\nerr %q\nwant %q", code, tt.code, &out, tt.out, &errs, tt.err)
			}
		})
	}
}

// running starts the test binary as a program whose broker runs, and returns
// its remaining output once it does.
func running(t *testing.T, how string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "broker", "--fail", how)
	cmd.Env = append(os.Environ(), roleVariable+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	expect(t, out, "running\n")
	return cmd, out
}

func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		how     string
		signals []syscall.Signal
		code    int
	}{
		{"wait", []syscall.Signal{syscall.SIGTERM}, 0},
		{"wait", []syscall.Signal{syscall.SIGINT}, 0},
		{"interrupted", []syscall.Signal{syscall.SIGINT}, 130},
		{"ignore", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"ignore", []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 130},
	} {
		t.Run(fmt.Sprint(tt.how, tt.signals), func(t *testing.T) {
			cmd, out := running(t, tt.how)
			for i, sig := range tt.signals {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					expect(t, out, fmt.Sprintf("stopping: context canceled: %s\n", sig))
				}
			}
			// A second signal that comes at once is the first once more, so the
			// last one is repeated until the process has ended.
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			again := time.NewTicker(20 * time.Millisecond)
			defer again.Stop()
			for done := false; !done; {
				select {
				case <-ended:
					done = true
				case <-again.C:
					if last := len(tt.signals) - 1; last > 0 {
						_ = cmd.Process.Signal(tt.signals[last]) // fails once it has ended
					}
				}
			}
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("%s, want %d", cmd.ProcessState, tt.code)
			}
		})
	}
}

func TestTableIsMarkdown(t *testing.T) {
	const want = "| flag | environment | default | meaning |\n" +
		"|---|---|---|---|\n" +
		"| `--name` | `FAASD_NAME` | `host name and process id` | name of this part |\n" +
		"| `--data` | `FAASD_DATA` | `$XDG_STATE_HOME/faasd` | data folder |\n" +
		"| `--worker-bind` | `FAASD_WORKER_BIND` | `tcp://127.0.0.1:8123` | where workers connect |\n" +
		"| `--advertise` | `FAASD_ADVERTISE` | – | what others are told to connect to |\n" +
		"| `--broker` | `FAASD_BROKER` | `tcp://127.0.0.1:8111` | brokers to register with |\n" +
		"| `--http` | `FAASD_HTTP` | `127.0.0.1:3000` | where clients call functions |\n" +
		"| `--queues` | `FAASD_QUEUES` | `3` | how many queues (1 to 64) |\n" +
		"| `--max-body` | `FAASD_MAX_BODY` | `6MiB` | largest body \\| either way (1 to 64MiB) |\n" +
		"| `--deadline` | `FAASD_DEADLINE` | `1m` | when a request is answered 504 at the latest (1ms to 1h) |\n" +
		"| `--open` | `FAASD_OPEN` | `false` | let anybody in |\n" +
		"| `--label` | `FAASD_LABEL` | `none` | what to call it |\n" +
		"| `--tags` | `FAASD_TAGS` | – | what else to call it |\n" +
		"| `--log-level` | `FAASD_LOG_LEVEL` | `info` | least severe lines to write to standard error (debug, info, warn, error) |\n" +
		"| `--log-format` | `FAASD_LOG_FORMAT` | `text` | how a line is written (text, json) |\n"
	if got := new(sample).set().Table(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLogger(t *testing.T) {
	for _, tt := range []struct {
		log  config.Log
		want string
	}{
		{config.Log{Level: "warn", Format: "text"}, "level=WARN msg=b role=broker\n"},
		{config.Log{Level: "info", Format: "json"}, `"level":"WARN","msg":"b","role":"broker"}` + "\n"},
	} {
		var b bytes.Buffer
		logger := tt.log.Logger(&b)
		logger.Debug("a")
		logger.Warn("b", "role", "broker")
		if !strings.HasSuffix(b.String(), tt.want) || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%+v wrote %q", tt.log, b.String())
		}
	}
}

// full is a device that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	for name, c := range map[string]struct {
		out  io.Writer
		code int
		says string
	}{
		"full device":   {full{}, config.ExitFailed, "prog: cannot write to standard output: no space left on device\n"},
		"closed reader": {broken{}, config.ExitFailed, ""},
		"fine":          {io.Discard, config.ExitOK, ""},
	} {
		var errs bytes.Buffer
		code := config.Main(config.Program{Name: "prog", Summary: "a program"}, []string{"--help"}, config.Stdio{Out: c.out, Err: &errs, Env: func(string) string { return "" }})
		if code != c.code || errs.String() != c.says {
			t.Errorf("%s: exit code %d and %q, want %d and %q", name, code, &errs, c.code, c.says)
		}
	}
}

// broken is a pipe that nobody reads any more.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.EPIPE }
