package registry

import (
	"errors"
	"strings"
	"testing"
)

// good is a manifest that can be deployed.
func good() Manifest {
	return Manifest{
		Kind: KindLambda, Command: []string{"./bootstrap"}, Timeout: 30_000, Memory: 256 << 20, Concurrency: 1,
		Env: map[string]string{"B": "2", "A": "1"}, Labels: []string{"big", "gpu"}, Package: Digest([]byte("zip")), Size: 3,
	}
}

func TestAManifestOutOfBoundsIsRefusedWithWhatToWrite(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*Manifest)
		want  string
	}{
		"no kind":                   {func(m *Manifest) { m.Kind = "" }, "lambda, exec, wasm"},
		"unknown kind":              {func(m *Manifest) { m.Kind = "docker" }, `"docker"`},
		"no timeout":                {func(m *Manifest) { m.Timeout = 0 }, "1ms to 15m"},
		"long timeout":              {func(m *Manifest) { m.Timeout = 15*60_000 + 1 }, "1ms to 15m"},
		"little memory":             {func(m *Manifest) { m.Memory = 16<<20 - 1 }, "16MiB to 64GiB"},
		"much memory":               {func(m *Manifest) { m.Memory = 64<<30 + 1 }, "16MiB to 64GiB"},
		"wasm memory":               {func(m *Manifest) { m.Kind, m.Memory = KindWasm, 5<<30 }, "4GiB"},
		"no concurrency":            {func(m *Manifest) { m.Concurrency = 0 }, "1 to 1000"},
		"high concurrency":          {func(m *Manifest) { m.Concurrency = 1001 }, "1 to 1000"},
		"concurrent exec":           {func(m *Manifest) { m.Kind, m.Concurrency = KindExec, 2 }, "write 1"},
		"concurrent wasm":           {func(m *Manifest) { m.Kind, m.Concurrency = KindWasm, 2 }, "write 1"},
		"handler of exec":           {func(m *Manifest) { m.Kind, m.Handler = KindExec, "x" }, "only the kind lambda"},
		"handler that is no text":   {func(m *Manifest) { m.Handler = "a\nb" }, "printable"},
		"no command":                {func(m *Manifest) { m.Command = nil }, "--command"},
		"empty command":             {func(m *Manifest) { m.Command = []string{""} }, "--command"},
		"command outside":           {func(m *Manifest) { m.Command = []string{"./../x"} }, "leaves the package"},
		"zero in command":           {func(m *Manifest) { m.Command = []string{"sh", "a\x00b"} }, "UTF-8"},
		"long command":              {func(m *Manifest) { m.Command = []string{"sh", strings.Repeat("x", 9000)} }, "8KiB"},
		"module from PATH":          {func(m *Manifest) { m.Kind, m.Command = KindWasm, []string{"x.wasm"} }, "./main.wasm"},
		"no content type":           {func(m *Manifest) { m.ContentType = "nonsense" }, "application/json"},
		"content type":              {func(m *Manifest) { m.ContentType = "text" + "\r\n" }, "application/json"},
		"label":                     {func(m *Manifest) { m.Labels = []string{"a b"} }, `"a b"`},
		"labels":                    {func(m *Manifest) { m.Labels = make([]string, 17) }, "16 at most"},
		"variable with a dash":      {func(m *Manifest) { m.Env = map[string]string{"A-B": ""} }, `"A-B"`},
		"variable with a digit":     {func(m *Manifest) { m.Env = map[string]string{"1A": ""} }, `"1A"`},
		"handler's variable":        {func(m *Manifest) { m.Env = map[string]string{"_HANDLER": ""} }, "_HANDLER"},
		"Lambda's variable":         {func(m *Manifest) { m.Env = map[string]string{"AWS_LAMBDA_RUNTIME_API": ""} }, "set by the worker"},
		"Lambda's other variable":   {func(m *Manifest) { m.Env = map[string]string{"LAMBDA_TASK_ROOT": ""} }, "set by the worker"},
		"faasd's variable":          {func(m *Manifest) { m.Env = map[string]string{"FAASD_X": ""} }, "set by the worker"},
		"value with a zero":         {func(m *Manifest) { m.Env = map[string]string{"A": "\x00"} }, "variable A"},
		"value that is no UTF-8":    {func(m *Manifest) { m.Env = map[string]string{"A": "\xff"} }, "variable A"},
		"environment":               {func(m *Manifest) { m.Env = map[string]string{"A": strings.Repeat("x", 32<<10-2)} }, "32KiB"},
		"package that is no digest": {func(m *Manifest) { m.Package = "../../etc/passwd" }, "SHA-256"},
		"digest in capitals":        {func(m *Manifest) { m.Package = strings.ToUpper(m.Package) }, "SHA-256"},
		"no size":                   {func(m *Manifest) { m.Size = 0 }, "256MiB"},
		"size":                      {func(m *Manifest) { m.Size = MaxPackage + 1 }, "256MiB"},
	} {
		m := good()
		tt.spoil(&m)
		if err := m.Validate(); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want one that names %s", name, err, tt.want)
		}
	}
}

func TestAManifestWithinBoundsIsTaken(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"as it is":         func(*Manifest) {},
		"least":            func(m *Manifest) { m.Timeout, m.Memory = 1, 16<<20 },
		"most":             func(m *Manifest) { m.Timeout, m.Memory, m.Concurrency = 15*60_000, 64<<30, 1000 },
		"full environment": func(m *Manifest) { m.Env = map[string]string{"A": strings.Repeat("x", 32<<10-3)} },
		"AWS's region":     func(m *Manifest) { m.Env = map[string]string{"AWS_REGION": "eu", "_x": ""} },
		"from PATH":        func(m *Manifest) { m.Kind, m.Command = KindExec, []string{"python3", "main.py"} },
		"absolute":         func(m *Manifest) { m.Kind, m.Command = KindExec, []string{"/bin/cat"} },
		"in a folder":      func(m *Manifest) { m.Command = []string{"bin/main"} },
		"content type":     func(m *Manifest) { m.ContentType = "text/plain; charset=utf-8" },
	} {
		m := good()
		change(&m)
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSameManifestHasTheSameDigest(t *testing.T) {
	a, b := good(), good()
	b.Labels = []string{"gpu", "big", "gpu"}
	b.Env = map[string]string{"A": "1", "B": "2"}
	if a.Digest() != b.Digest() {
		t.Errorf("\n%s\n%s", a.Encode(), b.Encode())
	}
	for name, change := range map[string]func(*Manifest){
		"env":     func(m *Manifest) { m.Env = map[string]string{"A": "1"} },
		"package": func(m *Manifest) { m.Package = Digest(nil) },
		"timeout": func(m *Manifest) { m.Timeout++ },
	} {
		c := good()
		change(&c)
		if a.Digest() == c.Digest() {
			t.Errorf("another %s, the same digest", name)
		}
	}
	const want = `{"kind":"exec","command":["sh","-c","a && b < c"],"timeout_ms":1,"memory_bytes":2,"concurrency":3,"package":"p","size":4}`
	if got := (Manifest{Kind: KindExec, Command: []string{"sh", "-c", "a && b < c"}, Timeout: 1, Memory: 2, Concurrency: 3, Package: "p", Size: 4}).Encode(); string(got) != want {
		t.Errorf("%s, and digests of before are of\n%s", got, want)
	}
}

func TestAManifestIsReadStrictly(t *testing.T) {
	m := good()
	back, err := ParseManifest(m.Encode())
	if err != nil || back.Digest() != m.Digest() {
		t.Errorf("%v, %v", back, err)
	}
	text := string(m.Encode())
	for name, bad := range map[string]string{
		"unknown key":   strings.Replace(text, `"kind"`, `"knd":1,"kind"`, 1),
		"more":          text + "{}",
		"cut":           text[:len(text)-1],
		"nothing":       "",
		"out of bounds": strings.Replace(text, `"timeout_ms":30000`, `"timeout_ms":-1`, 1),
		"huge":          text + strings.Repeat(" ", MaxManifest),
	} {
		if _, err := ParseManifest([]byte(bad)); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add(good().Encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		back, err := ParseManifest(m.Encode())
		if err != nil || back.Digest() != m.Digest() {
			t.Errorf("%s is read back as %v, %v", m.Encode(), back, err)
		}
	})
}
