package config_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
)

// sample is a command's settings, one of each kind.
type sample struct {
	name      string
	bind      string
	advertise string
	brokers   []string
	http      string
	data      string
	queues    int
	body      int64
	deadline  time.Duration
	open      bool
	log       config.Log
	label     string
	tags      []string
}

func (c *sample) set() *config.Set {
	s := config.NewSet(config.Doc{Name: "sample", Summary: "stand for every command"})
	s.Group("Identity")
	s.Name(&c.name, "name", "", "name of this part").DefaultText("host name and process id")
	s.DataDir(&c.data, "data folder")
	s.Group("Links")
	s.Bind(&c.bind, "worker-bind", "tcp://127.0.0.1:8123", "where workers connect")
	s.Endpoint(&c.advertise, "advertise", "", "what others are told to connect to")
	s.Endpoints(&c.brokers, "broker", []string{"tcp://127.0.0.1:8111"}, "brokers to register with")
	s.HTTPAddr(&c.http, "http", "127.0.0.1:3000", "where clients call functions")
	s.Group("Limits")
	s.Int(&c.queues, "queues", 3, 1, 64, "how many queues")
	s.Bytes(&c.body, "max-body", 6<<20, 1, 64<<20, "largest body | either way")
	s.Duration(&c.deadline, "deadline", time.Minute, time.Millisecond, time.Hour, "when a request is answered 504 at the latest")
	s.Bool(&c.open, "open", false, "let anybody in")
	s.String(&c.label, "label", "none", "TEXT", "what to call it")
	s.Strings(&c.tags, "tags", nil, "TAG[,…]", "what else to call it")
	c.log.Declare(s, "info")
	return s
}

func environment(pairs ...string) func(string) string {
	env := map[string]string{"HOME": "/home/someone"}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		env[key] = value
	}
	return func(key string) string { return env[key] }
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	defaults := sample{
		bind: "tcp://127.0.0.1:8123", brokers: []string{"tcp://127.0.0.1:8111"}, http: "127.0.0.1:3000",
		data: "/home/someone/.local/state/faasd", queues: 3, body: 6 << 20, deadline: time.Minute,
		label: "none", log: config.Log{Level: "info", Format: "text"},
	}
	for _, tt := range []struct {
		name string
		args string
		env  []string
		want func(*sample)
	}{
		{"defaults", "", nil, func(*sample) {}},
		{"an empty variable is unset", "", []string{"FAASD_QUEUES=", "FAASD_HTTP="}, func(*sample) {}},
		{"variable over default", "", []string{"FAASD_WORKER_BIND=tcp://*:0", "FAASD_QUEUES=4"}, func(c *sample) {
			c.bind, c.queues = "tcp://*:0", 4
		}},
		{"flag over variable", "--queues 5", []string{"FAASD_QUEUES=4"}, func(c *sample) { c.queues = 5 }},
		{"flag over unusable variable", "--queues=5", []string{"FAASD_QUEUES=many"}, func(c *sample) { c.queues = 5 }},
		{"the last flag counts", "--queues=5 --queues 6", nil, func(c *sample) { c.queues = 6 }},
		{"a repeated list adds up", "--broker=tcp://a:1 --broker tcp://b:2,tcp://c:3", []string{"FAASD_BROKER=tcp://d:4"}, func(c *sample) {
			c.brokers = []string{"tcp://a:1", "tcp://b:2", "tcp://c:3"}
		}},
		{"a list can be emptied", "--broker=", nil, func(c *sample) { c.brokers = nil }},
		{"switch alone", "--open", nil, func(c *sample) { c.open = true }},
		{"switch off", "--open=false", []string{"FAASD_OPEN=1"}, func(*sample) {}},
		{"switch by variable", "", []string{"FAASD_OPEN=true"}, func(c *sample) { c.open = true }},
		{"units", "--max-body 64KiB --deadline 1m30s", nil, func(c *sample) { c.body, c.deadline = 64<<10, 90*time.Second }},
		{"XDG", "", []string{"XDG_STATE_HOME=/state"}, func(c *sample) { c.data = "/state/faasd" }},
		{"relative XDG is ignored", "", []string{"XDG_STATE_HOME=state"}, func(*sample) {}},
		{"data by variable", "", []string{"FAASD_DATA=/d"}, func(c *sample) { c.data = "/d" }},
		{"nowhere to put data", "", []string{"HOME="}, func(c *sample) { c.data = "" }},
		{"log", "--log-level debug", []string{"FAASD_LOG_FORMAT=json"}, func(c *sample) { c.log = config.Log{Level: "debug", Format: "json"} }},
		{"text and spaces", "--tags a,b", []string{"FAASD_LABEL=a=b, c"}, func(c *sample) { c.label, c.tags = "a=b, c", []string{"a", "b"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			if err := got.set().Parse(strings.Fields(tt.args), environment(tt.env...)); err != nil {
				t.Fatal(err)
			}
			want := defaults
			tt.want(&want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestUnusableSettingsAreOneClearError(t *testing.T) {
	for _, tt := range []struct{ args, env, want string }{
		{"--queues many", "", `--queues "many": not a whole number in range: write 1 to 64`},
		{"", "FAASD_QUEUES=65", `FAASD_QUEUES "65": not a whole number in range: write 1 to 64`},
		{"--max-body 6MB", "", `--max-body "6MB": not a size: write a whole number of bytes, or one with B, KiB, MiB, GiB or TiB, such as 6MiB`},
		{"--max-body 65MiB", "", `--max-body "65MiB": size out of range: write 1 to 64MiB`},
		{"--deadline 60", "", `--deadline "60": not a duration: write a number and a unit, such as 500ms, 60s or 1h30m`},
		{"", "FAASD_DEADLINE=2h", `FAASD_DEADLINE "2h": duration out of range: write 1ms to 1h`},
		{"", "FAASD_OPEN=yep", `FAASD_OPEN "yep": neither true nor false: write true, false, 1 or 0`},
		{"--log-level inof", "", `--log-level "inof": no such choice: did you mean info? write one of debug, info, warn, error`},
		{"--log-format xml", "", `--log-format "xml": no such choice: write one of text, json`},
		{"--http 3000", "", `--http "3000": not an address: write HOST:PORT or :PORT, such as 127.0.0.1:3000`},
		{"--http=", "", `--http "": not an address: write HOST:PORT or :PORT, such as 127.0.0.1:3000`},
		{"--name functions", "", `--name "functions": a route of the frontend: write a name other than 2015-03-31, async-function, function, functions, healthz, jobs, metrics, readyz`},
		{"--worker-bind tcp://*", "", `--worker-bind "tcp://*": no port: write tcp://HOST:PORT, such as tcp://127.0.0.1:8009`},
		{"--broker tcp://a:1,tcp://a:1", "", `--broker "tcp://a:1,tcp://a:1": "tcp://a:1" is in the list twice: name each once`},
		{"--broker tcp://a:1,", "", `--broker "tcp://a:1,": empty element in the list: write values separated by single commas`},
		{"--broker tcp://a:1,tcp://b:0", "", `--broker "tcp://a:1,tcp://b:0": "tcp://b:0": port 0 cannot be connected to: write the port that the other side printed`},
	} {
		t.Run(tt.args+tt.env, func(t *testing.T) {
			err := new(sample).set().Parse(strings.Fields(tt.args), environment(tt.env))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if v := (*config.ValueError)(nil); !errors.As(err, &v) || errors.Is(err, config.ErrUsage) {
				t.Errorf("%v is not just a ValueError", err)
			}
		})
	}
}

func TestWrongUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--worker-bnd x", "unknown flag --worker-bnd: did you mean --worker-bind? (see sample --help)"},
		{"--nmae x", "unknown flag --nmae: did you mean --name? (see sample --help)"},
		{"--worker_bind=x", "unknown flag --worker_bind: did you mean --worker-bind? (see sample --help)"},
		{"--work x", "unknown flag --work: did you mean --worker-bind? (see sample --help)"},
		{"-http :1", "unknown flag -http: did you mean --http? (see sample --help)"},
		{"--colour", "unknown flag --colour (see sample --help)"},
		{"--queues", "--queues needs a value: write --queues N (see sample --help)"},
		{"--=x", "unknown flag -- (see sample --help)"},
		{"---queues 1", "unknown flag ---queues: did you mean --queues? (see sample --help)"},
		{"stray", `unexpected argument "stray": every setting is a flag (see sample --help)`},
		{"--open true", `unexpected argument "true": every setting is a flag (see sample --help)`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			err := new(sample).set().Parse(strings.Fields(tt.args), environment("FAASD_QUEUES=bad"))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if !errors.Is(err, config.ErrUsage) {
				t.Errorf("%v is not ErrUsage", err)
			}
		})
	}
}

func TestFlagsOfOneLetterAndElementsKeptWhole(t *testing.T) {
	for _, tt := range []struct {
		args []string
		file string
		env  []string
	}{
		{nil, "", nil},
		{[]string{"-f", "x", "--env", "A=1,2", "--env=B=, ,", "--env", "A=1,2"}, "x", []string{"A=1,2", "B=, ,", "A=1,2"}},
		{[]string{"-f=x", "--file", "y"}, "y", nil},
	} {
		var file string
		var env []string
		s := config.NewSet(config.Doc{Name: "sample"})
		s.String(&file, "file", "", "FILE", "a file").Short("f")
		s.Texts(&env, "env", "K=V", "a variable")
		err := s.Parse(tt.args, environment("FAASD_ENV=C=3"))
		if err != nil || file != tt.file || !reflect.DeepEqual(env, tt.env) {
			t.Errorf("%q: %q, %q, %v", tt.args, file, env, err)
		}
		var help strings.Builder
		if err := s.Usage(&help); err != nil || !strings.Contains(help.String(), "  -f, --file FILE  a file\n") || strings.Contains(help.String(), "FAASD_ENV") {
			t.Errorf("%v, %s", err, &help)
		}
	}
	var file string
	s := config.NewSet(config.Doc{Name: "sample"})
	s.String(&file, "file", "", "FILE", "a file").Short("f")
	if err := s.Parse([]string{"-f"}, environment()); err == nil || !strings.Contains(err.Error(), "--file needs a value: write --file FILE") {
		t.Errorf("%v", err)
	}
}

func TestHelpIsGivenWhateverElseIsWrong(t *testing.T) {
	for _, args := range []string{"--help", "-h", "--queues many --help", "stray -h"} {
		if err := new(sample).set().Parse(strings.Fields(args), environment("FAASD_QUEUES=bad")); !errors.Is(err, config.ErrHelp) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestRequired(t *testing.T) {
	parse := func(args string, env ...string) error {
		var name, data string
		s := config.NewSet(config.Doc{Name: "queue"})
		s.Name(&name, "name", "", "name").Required()
		s.DataDir(&data, "folder").Required()
		return s.Parse(strings.Fields(args), environment(env...))
	}
	for _, tt := range []struct{ args, env, want string }{
		{"--name a", "", ""},
		{"", "FAASD_NAME=a", ""},
		{"", "", "--name is not set: give --name NAME or set FAASD_NAME"},
		{"--name=", "", `--name "": is empty: give a value`},
		{"--name a", "HOME=", "--data is not set, and neither XDG_STATE_HOME nor HOME names a folder for a default: give --data DIR or set FAASD_DATA"},
	} {
		err := parse(tt.args, tt.env)
		if got := text(err); got != tt.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tt.args, tt.env, got, tt.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOperands(t *testing.T) {
	for _, tt := range []struct {
		args string
		want []string
		err  string
	}{
		{"echo", []string{"echo"}, ""},
		{"echo --open body", []string{"echo", "body"}, ""},
		{"-- --open", []string{"--open"}, ""},
		{"--open", nil, "missing argument: write invoke [flags] FUNCTION [FILE] (see invoke --help)"},
		{"a b c", nil, `unexpected argument "c": write invoke [flags] FUNCTION [FILE] (see invoke --help)`},
	} {
		var (
			open bool
			got  []string
		)
		s := config.NewSet(config.Doc{Name: "invoke"})
		s.Bool(&open, "open", false, "")
		s.Operands(&got, "FUNCTION [FILE]", 1, 2)
		err := s.Parse(strings.Fields(tt.args), environment())
		if text(err) != tt.err || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q, %v", tt.args, got, err)
		}
	}
}

func TestDeclarationsThatMakeNoSensePanic(t *testing.T) {
	var (
		n    int
		text string
	)
	for name, declare := range map[string]func(*config.Set){
		"default out of range": func(s *config.Set) { s.Int(&n, "n", 0, 1, 2, "") },
		"default not valid":    func(s *config.Set) { s.Bind(&text, "b", "tcp://nowhere", "") },
		"twice":                func(s *config.Set) { s.Int(&n, "n", 1, 1, 2, ""); s.Int(&n, "n", 1, 1, 2, "") },
		"no flag":              func(s *config.Set) { s.Int(&n, "N_1", 1, 1, 2, "") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			declare(config.NewSet(config.Doc{}))
		})
	}
}
