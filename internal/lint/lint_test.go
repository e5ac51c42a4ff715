package lint

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// root is the repository seen from this package's folder.
const root = "../.."

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	files, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkImports(files))
	report(t, checkOutside(files))
	report(t, checkReach(files))
}

func TestNoTestSleeps(t *testing.T) {
	files, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		report(t, checkSleep(f))
	}
}

func TestFilesSayWhatTheyAreAndAreFinished(t *testing.T) {
	broken, err := checkText(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, broken)
}

func report(t *testing.T, broken []string) {
	t.Helper()
	for _, b := range broken {
		t.Error(b)
	}
}

// The rest proves of each rule that it can fail, and that it leaves good code alone.

func TestTableKeepsItsOwnRules(t *testing.T) {
	known := func(pkg string) bool { return slices.ContainsFunc(table, func(r row) bool { return r.pkg == pkg }) }
	for i, r := range table {
		if slices.ContainsFunc(table[:i], func(o row) bool { return o.pkg == r.pkg }) {
			t.Errorf("%s has two rows", r.pkg)
		}
		for _, may := range r.may {
			if !known(may) {
				t.Errorf("the row of %s allows %s, which has no row", r.pkg, may)
			}
			if roleOf(r.pkg) != "" && roleOf(may) != "" {
				t.Errorf("the row of %s allows another role, %s", r.pkg, may)
			}
			if may == "internal/sim" {
				t.Errorf("the row of %s allows internal/sim, which is for tests", r.pkg)
			}
		}
	}
}

func TestImportRule(t *testing.T) {
	for _, c := range []struct {
		name, file, imports string
		want                string // part of the complaint; nothing where the import is fine
	}{
		{"allowed by the row", "internal/job/custody.go", "faasd/internal/wire", ""},
		{"standard library", "internal/wire/header.go", "encoding/binary", ""},
		{"somebody else's module", "internal/wire/header.go", "github.com/oklog/ulid/v2", ""},
		{"not in the row", "internal/wire/header.go", "faasd/internal/job", "row of internal/wire"},
		{"a module that starts alike", "internal/wire/header.go", "faasdx/internal/job", ""},
		{"no row", "internal/novelty/new.go", "fmt", "not in the import table"},
		{"no row below an exact one", "internal/wire/deep/new.go", "fmt", "not in the import table"},
		{"no row at the top", "main.go", "fmt", "package . is not in the import table"},
		{"below a tree", "internal/function/wasm/run.go", "faasd/internal/function", ""},
		{"an adapter of a role", "internal/frontend/lambda/http.go", "faasd/internal/frontend", ""},
		{"role to role", "internal/queue/bus.go", "faasd/internal/broker", "roles never import each other"},
		{"role to role in a test", "internal/queue/q_test.go", "faasd/internal/broker", "roles never import each other"},
		{"role to another's adapter", "internal/queue/bus.go", "faasd/internal/frontend/lambda", "never import each other"},
		{"role to node", "internal/queue/bus.go", "faasd/internal/node", "row of internal/queue"},
		{"sim in code", "internal/queue/bus.go", "faasd/internal/sim", "row of internal/queue"},
		{"sim in a test", "internal/queue/q_test.go", "faasd/internal/sim", ""},
		{"the package in its own test", "internal/wire/w_test.go", "faasd/internal/wire", ""},
		{"a test beyond its row", "internal/wire/w_test.go", "faasd/internal/bus", "row of internal/wire"},
		{"ZeroMQ in bus", "internal/bus/socket.go", "github.com/pebbe/zmq4", ""},
		{"ZeroMQ elsewhere", "internal/queue/bus.go", "github.com/pebbe/zmq4", "only internal/bus may"},
		{"ZeroMQ in a test", "internal/queue/q_test.go", "github.com/pebbe/zmq4", "only internal/bus may"},
		{"bubbletea in tui", "tui/list/list.go", "github.com/charmbracelet/bubbletea", ""},
		{"bubbletea in faasctl", "cmd/faasctl/top.go", "charm.land/bubbletea/v2", ""},
		{"bubbletea in faasd", "cmd/faasd/up.go", "github.com/charmbracelet/bubbletea", "only tui/..., cmd/faasctl may"},
		{"lipgloss in operator", "internal/operator/view.go", "github.com/charmbracelet/lipgloss", "only tui/"},
		{"acceptance to node", "internal/acceptance/a.go", "faasd/internal/node", "row of internal/acceptance"},
		{"bench is judged apart", "bench/main.go", "fmt", ""},
		{"conformance is judged apart", "conformance/lambda/main.go", "github.com/aws/aws-lambda-go/lambda", ""},
		{"AWS's libraries in the product", "internal/function/lambda/go_test.go", "github.com/aws/aws-lambda-go/lambda", "only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := checkImports([]source{synthetic(t, c.file, `import _ "`+c.imports+`"`)})
			expect(t, got, c.want)
		})
	}
}

func TestOutsideRule(t *testing.T) {
	expect(t, checkOutside([]source{synthetic(t, "bench/main.go", `import _ "faasd/internal/wire"`)}), "only from outside")
	expect(t, checkOutside([]source{synthetic(t, "bench/main.go", `import _ "faasd/bench/wrk"`)}), "")
	expect(t, checkOutside([]source{synthetic(t, "conformance/lambda/main.go", `import _ "faasd/internal/function"`)}), "know nothing of it")
	expect(t, checkOutside([]source{synthetic(t, "conformance/lambda/main.go", `import _ "faasd/bench/wrk"`)}), "know nothing of it")
	expect(t, checkOutside([]source{synthetic(t, "conformance/lambda/main.go", `import _ "github.com/aws/aws-lambda-go/lambda"`)}), "")
	expect(t, checkOutside([]source{synthetic(t, "cmd/faasd/main.go", `import _ "faasd/internal/node"`)}), "")
}

func TestReachRule(t *testing.T) {
	program := synthetic(t, "cmd/faasctl/main.go", `import _ "faasd/internal/operator"`)
	for _, c := range []struct{ name, file, imports, want string }{
		{"clean", "internal/operator/a.go", "faasd/internal/bus", ""},
		{"a role", "internal/operator/a.go", "faasd/internal/queue", "cmd/faasctl → internal/operator → internal/queue"},
		{"node", "internal/operator/a.go", "faasd/internal/node", "must not link internal/node"},
		{"an engine", "internal/operator/a.go", "github.com/tetratelabs/wazero", "must not link github.com/tetratelabs/wazero"},
		{"a part of an engine", "internal/operator/a.go", "github.com/tetratelabs/wazero/api", "wazero/api"},
		{"not linked from a test", "internal/operator/a_test.go", "faasd/internal/queue", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkReach([]source{program, synthetic(t, c.file, `import _ "`+c.imports+`"`)}), c.want)
		})
	}
}

func TestSleepRule(t *testing.T) {
	const sleeps = "a test sleeps"
	for _, c := range []struct{ name, file, body, want string }{
		{"a call", "a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", sleeps},
		{"renamed", "a_test.go", "import clock \"time\"\nfunc f() { clock.Sleep(1) }", sleeps},
		{"as a value", "a_test.go", "import \"time\"\nvar pause = time.Sleep", sleeps},
		{"not a test", "a.go", "import \"time\"\nfunc f() { time.Sleep(1) }", ""},
		{"in a comment", "a_test.go", "import \"time\"\n// no time.Sleep here\nvar d time.Duration", ""},
		{"another Sleep", "a_test.go", "func f(time interface{ Sleep(int) }) { time.Sleep(1) }", ""},
		{"in a bubble", "a_test.go", "import (\"testing/synctest\"; \"time\")\n" +
			"func f() { synctest.Test(nil, func() { time.Sleep(1) }) }", ""},
		{"beside a bubble", "a_test.go", "import (\"testing/synctest\"; \"time\")\n" +
			"func f() { synctest.Test(nil, func() {}); time.Sleep(1) }", sleeps},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, checkSleep(synthetic(t, c.file, c.body)), c.want) })
	}
}

func TestUnfinishedRule(t *testing.T) {
	for _, mark := range []string{"TO" + "DO", "FIX" + "ME", "X" + "XX"} {
		expect(t, checkUnfinished("a.go", "package a\n// "+mark+": more\n"), "a.go:2:")
		expect(t, checkUnfinished("docs/a.md", "- "+mark), "docs/a.md:1:")
		expect(t, checkUnfinished("scripts/a", "#!/bin/sh\n# "+mark), "scripts/a:2:")
		expect(t, checkUnfinished("Makefile", "# "+mark), "Makefile:1:")
	}
	expect(t, checkUnfinished("a.go", "mktemp faasd.XXXXXX"), "")
	expect(t, checkUnfinished("testdata/a.bin", "TO"+"DO"), "")
}

func TestMachinePathRule(t *testing.T) {
	expect(t, checkMachinePaths("a.md", "see /"+"work/main"), "a.md:1:")
	expect(t, checkMachinePaths("a.go", "x\n\"/"+"Users/somebody\""), "a.go:2:")
	for _, fine := range []string{"https://example.org/work/a", "./work/a", "net/work/a", "GET /work"} {
		expect(t, checkMachinePaths("a.md", fine), "")
	}
}

func TestNameRule(t *testing.T) {
	for _, bad := range []string{
		"internal/util/a.go", "internal/queue/helpers.go", "internal/queue/helpers_test.go",
		"internal/queue/test_helper.go", "scripts/common.sh", "docs/Misc.md",
	} {
		expect(t, checkName(bad), "does not say what is in it")
	}
	for _, good := range []string{"internal/queue/lease.go", "internal/wire/utility.go", ".ci/run"} {
		expect(t, checkName(good), "")
	}
}

func TestLinkRule(t *testing.T) {
	tree := fstest.MapFS{"README.md": {}, "docs/PROTOCOL.md": {}, "docs/img/system.svg": {}}
	for _, c := range []struct{ name, file, text, want string }{
		{"present", "README.md", "[protocol](docs/PROTOCOL.md#header)", ""},
		{"a folder", "README.md", "[documents](docs/)", ""},
		{"beside it", "docs/A.md", "![](img/system.svg \"The system\") [up](../README.md)", ""},
		{"absent", "README.md", "see [this](docs/ABSENT.md)", "docs/ABSENT.md"},
		{"absent picture", "README.md", "![x](docs/img/none.png)", "docs/img/none.png"},
		{"relative to the wrong folder", "docs/A.md", "[protocol](docs/PROTOCOL.md)", "no such file"},
		{"outside the repository", "README.md", "[x](../secret.md)", "no such file"},
		{"from the repository's root", "docs/A.md", "[x](/docs/PROTOCOL.md)", ""},
		{"footnote", "README.md", "so[^1]\n\n[^1]: Because.", ""},
		{"reference", "README.md", "[x][y]\n\n[y]: docs/ABSENT.md", "docs/ABSENT.md"},
		{"web, mail, anchor", "README.md", "[a](https://zeromq.org/x) [b](mailto:a@b.c) [c](#d)", ""},
		{"in a code block", "README.md", "```\n[a](none.md)\n```\n", ""},
		{"in a code span", "README.md", "`[a](none.md)`", ""},
		{"after a code block", "README.md", "```\nx\n```\n[a](none.md)\n", "none.md"},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, checkLinks(tree, c.file, c.text), c.want) })
	}
}

func synthetic(t *testing.T, name, body string) source {
	t.Helper()
	s, err := parse(name, "package synthetic\n"+body+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect wants exactly one complaint that contains want, or none if want is empty.
func expect(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) == 0:
	case want != "" && len(got) == 1 && strings.Contains(got[0], want):
	default:
		t.Errorf("got %q, want a complaint with %q", got, want)
	}
}
