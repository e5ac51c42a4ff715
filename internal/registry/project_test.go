package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAProjectIsReadAsItIsWritten(t *testing.T) {
	p, err := ParseProject("/srv/faasd.yaml", []byte(`
x-common: &common {timeout: 5s, labels: [gpu]}
prune: true
functions:
  resize:
    <<: *common
    path: ./resize
    kind: lambda
    timeout: 1m30s
    memory: 1GB
    concurrency: 4
    env: {PORT: 8080, DEBUG: yes, EMPTY: "", OCTAL: 010}
    env_file: ../.env
    command: [./main, "a b"]
    handler: x
    content_type: image/png
  hello:
    path: /opt/hello.zip
    command: ./hello --fast
`))
	want := Project{Prune: true, Functions: []ProjectFunction{
		{"resize", Spec{
			Path: "/srv/resize", Kind: KindLambda, Timeout: 90 * time.Second, Memory: 1 << 30, Concurrency: 4,
			Env:     map[string]string{"PORT": "8080", "DEBUG": "yes", "EMPTY": "", "OCTAL": "010"},
			EnvFile: "/.env", Labels: []string{"gpu"}, Command: []string{"./main", "a b"}, Handler: "x", ContentType: "image/png",
		}},
		{"hello", Spec{Path: "/opt/hello.zip", Command: []string{"./hello", "--fast"}}},
	}}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v, %v\nwant %+v", p, err, want)
	}
}

func TestWhatIsWrongInAProjectIsToldAtOnceWithItsLine(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"several": {"functions:\n  a:\n    pth: x\n    timeout: 30\n  'b c':\n    path: x\n    memory: 256\n", []string{
			`faasd.yaml:3: unknown key "pth" of function a`, "faasd.yaml:4: timeout: write 1ms to 15m", "faasd.yaml:2: function a has no path",
			`faasd.yaml:5: function "b c"`, "faasd.yaml:7: memory: not an amount",
		}},
		"kind":             {"functions: {a: {path: x, kind: docker}}", []string{"lambda, exec, wasm"}},
		"concurrency":      {"functions: {a: {path: x, concurrency: 0}}", []string{"1 to 1000"}},
		"route":            {"functions: {jobs: {path: x}}", []string{"a route"}},
		"twice":            {"functions:\n  a: {path: x}\n  a: {path: y}", []string{`:3: functions has "a" twice`}},
		"key twice":        {"functions: {a: {path: x, path: y}}", []string{`"path" twice`}},
		"variable":         {"functions: {a: {path: x, env: {A-B: 1}}}", []string{"A-B"}},
		"variable of ours": {"functions: {a: {path: x, env: {FAASD_A: 1}}}", []string{"set by the worker"}},
		"no value":         {"functions: {a: {path: x, env: {A: }}}", []string{"A has no value"}},
		"list of one":      {"functions: {a: {path: x, labels: gpu}}", []string{"write a list"}},
		"list of lists":    {"functions: {a: {path: x, labels: [[gpu]]}}", []string{"single text"}},
		"path of two":      {"functions: {a: {path: [x, y]}}", []string{"path: write a single text"}},
		"text":             {"functions: {a: ./x}", []string{"function a: write keys with values"}},
		"list":             {"- a", []string{"the file: write keys with values"}},
		"unknown key":      {"function: {a: {path: x}}", []string{`unknown key "function"`}},
		"prune":            {"prune: perhaps\nfunctions: {a: {path: x}}", []string{":1: prune: neither true nor false"}},
		"empty":            {"", []string{"it is empty"}},
		"comment":          {"# nothing", []string{"faasd.yaml"}},
		"no functions":     {"functions: {}", []string{"it has no functions"}},
		"only prune":       {"prune: true", []string{"it has no functions"}},
		"two documents":    {"functions: {a: {path: x}}\n---\nfunctions: {b: {path: x}}", []string{"a second document"}},
		"tab":              {"functions:\n\ta: {}", []string{"faasd.yaml:2: not YAML"}},
		"itself":           {"functions: &f\n  <<: *f\n  a: {path: x}", []string{"functions: write keys"}},
		"unknown anchor":   {"functions: *x", []string{"not YAML"}},
	} {
		_, err := ParseProject("faasd.yaml", []byte(tt.text))
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
}

func TestAProjectsFileIsFound(t *testing.T) {
	name := filepath.Join(tree{ProjectFile: "functions: {a: {path: x}}"}.make(t), ProjectFile)
	p, err := ReadProject(name)
	if err != nil || p.Functions[0].Path != filepath.Join(filepath.Dir(name), "x") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := ReadProject(name + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	check(t, os.Truncate(name, maxProject+1))
	if _, err := ReadProject(name); err == nil || !strings.Contains(err.Error(), "1MiB") {
		t.Errorf("%v", err)
	}
}

func TestASpecBecomesAManifest(t *testing.T) {
	root := tree{"main.sh": "#!/bin/sh\n", ".env": "A=1\nB=file"}.make(t)
	p := pack(t, root)
	m, why, err := Spec{Path: root, Env: map[string]string{"B": "own"}, EnvFile: filepath.Join(root, ".env")}.Manifest(p)
	want := Manifest{
		Kind: KindExec, Command: []string{"./main.sh"}, Timeout: 30_000, Memory: 256 << 20, Concurrency: 1,
		Env: map[string]string{"A": "1", "B": "own"}, Package: p.Digest, Size: p.Size,
	}
	if err != nil || !reflect.DeepEqual(m, want) || why != "main.sh is a script" {
		t.Errorf("%+v, %s, %v\nwant %+v", m, why, err, want)
	}
	m, _, err = Spec{Kind: KindLambda, Timeout: time.Second, Memory: 1 << 30, Concurrency: 7, Labels: []string{"gpu"}, Handler: "h", ContentType: "text/csv"}.Manifest(p)
	want = Manifest{
		Kind: KindLambda, Command: []string{"./main.sh"}, Timeout: 1000, Memory: 1 << 30, Concurrency: 7, Labels: []string{"gpu"},
		Handler: "h", ContentType: "text/csv", Package: p.Digest, Size: p.Size,
	}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v\nwant %+v", m, err, want)
	}
	for name, tt := range map[string]struct {
		spec Spec
		want string
	}{
		"command is absent": {Spec{Command: []string{"./x"}}, "not in it"},
		"command outside":   {Spec{Command: []string{"../x"}}, "leaves"},
		"no module":         {Spec{Kind: KindWasm}, "no WebAssembly module"},
		"fraction":          {Spec{Timeout: 1500 * time.Microsecond}, "milliseconds"},
		"bounds":            {Spec{Concurrency: 2}, "concurrency of 2"},
		"no such file":      {Spec{EnvFile: filepath.Join(root, "absent")}, "absent"},
	} {
		if _, _, err := tt.spec.Manifest(p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestTheKindFollowsFromACommand(t *testing.T) {
	p := pack(t, tree{"a.wasm": aModule, "b.py": runtimeVariable, "c.sh": "#!/bin/sh\n", "x d": "#!/bin/sh\n" + runtimeVariable}.make(t))
	for _, tt := range []struct {
		command string
		want    Kind
	}{{"./a.wasm x", KindWasm}, {"./c.sh -v", KindExec}, {"./d", KindLambda}, {"python3 b.py", KindExec}, {"/bin/cat", KindExec}} {
		m, why, err := Spec{Command: strings.Fields(tt.command)}.Manifest(p)
		if err != nil || m.Kind != tt.want || why == "" {
			t.Errorf("%s: %s, %v, want %s", tt.command, m.Kind, err, tt.want)
		}
	}
}

func TestMemoryIsCountedInPowersOfTwo(t *testing.T) {
	for text, want := range map[string]int64{
		"256MB": 256 << 20, "256MiB": 256 << 20, "1GB": 1 << 30, "2GiB": 2 << 30, "16384KB": 16 << 20, "16384KiB": 16 << 20, "0MB": 0,
	} {
		if got, err := ParseMemory(text); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "256", "256M", "256mb", "MB", "-1MB", "+1MB", "1.5GB", "1 MB", "9999999999999GB", "256B", "0", "100TB"} {
		if got, err := ParseMemory(text); err == nil || !strings.Contains(err.Error(), "16MiB to 64GiB") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestAPlanSaysWhatDiffers(t *testing.T) {
	changed := good()
	changed.Timeout, changed.Labels, changed.Env, changed.Package = 90_000, nil, map[string]string{"A": "x", "C": "secret"}, Digest(nil)
	wanted := map[string]Manifest{"same": good(), "new": good(), "other": changed}
	current := map[string]Manifest{"same": good(), "other": good(), "gone": good()}
	want := []Step{
		{"new", Create, nil},
		{"other", Update, []string{
			"package", "timeout 30s → 1m30s", "labels big,gpu → none", "variable A changed", "variable C added", "variable B removed",
		}},
		{"same", Unchanged, nil},
	}
	if got := Plan(wanted, current, false); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	want = append(want, Step{"gone", Delete, nil})
	if got := Plan(wanted, current, true); !reflect.DeepEqual(got, want) {
		t.Errorf("with prune: %+v\nwant %+v", got, want)
	}
	if got := Plan(current, current, true); slices.ContainsFunc(got, func(s Step) bool { return s.Action != Unchanged }) {
		t.Errorf("again: %+v", got)
	}
}

func FuzzParseProject(f *testing.F) {
	f.Add([]byte("functions: {a: {path: x, env: {A: 1}, labels: [b], command: c d}}"))
	f.Add([]byte("functions: &f\n  <<: [*f, *f]\n  a: {path: x}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := ParseProject("faasd.yaml", text); err == nil && len(p.Functions) == 0 {
			t.Errorf("%q is a project without functions", text)
		}
	})
}
