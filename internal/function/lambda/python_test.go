package lambda

import (
	"os/exec"
	"strings"
	"testing"

	"faasd/internal/function"
)

// These tests run a function on the Runtime API without any library, which has
// a connection for each request.

func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
}

func TestPythonFunctionAnswersItsCalls(t *testing.T) {
	needPython(t)
	f := inPython(t, "echo", Config{})
	for _, body := range []string{`{"a":1}`, "", "no JSON \x00 at all"} {
		answers(t, f, body, body)
	}
	f = inPython(t, "shout", Config{})
	answers(t, f, `{"text":"hello"}`, `"HELLO"`)
}

func TestPythonFunctionsOwnErrorIsPassedOn(t *testing.T) {
	needPython(t)
	f := inPython(t, "fail", Config{})
	_, err := invoke(t, f, `1`)
	reports(t, err, "ValueError", "this is not a number")
}

func TestPythonFunctionIsToldTheAttempt(t *testing.T) {
	needPython(t)
	f := inPython(t, "attempt", Config{})
	in := invocation(`1`)
	in.Attempt = 3
	res, err := f.Invoke(withPatience(t), in)
	if err != nil || string(res.Body) != "3" {
		t.Fatalf("%q %v", res.Body, err)
	}
}

func TestAnswerOfAProcessThatExitsAtOnceCounts(t *testing.T) {
	needPython(t)
	f := inPython(t, "leave", Config{})
	body := strings.Repeat("x", 100<<10)
	for range 5 {
		answers(t, f, body, body)
		eventually(t, "the process is gone", func() bool { return f.Processes() == 0 })
	}
}

func TestPythonFunctionSaysWhyItDoesNotStart(t *testing.T) {
	needPython(t)
	f := inPython(t, "broken", Config{})
	fails(t, f.Check(withPatience(t)), "Runtime.ImportModuleError", "No module named 'missing'")
	_, err := invoke(t, f, `1`)
	fails(t, err, "Runtime.ImportModuleError", "No module named 'missing'")
	_, err = invoke(t, inPython(t, "nowhere", Config{}), `1`)
	fails(t, err, "Runtime.ImportModuleError", "nowhere")
}

func TestProgramThatIsNoneIsNotStarted(t *testing.T) {
	f := newFunction(t, Config{Code: t.TempDir()})
	fails(t, f.Check(withPatience(t)), function.TypeInit, "could not be started")
	f = newFunction(t, Config{Code: script(t, "\x7fELF of another machine")})
	_, err := invoke(t, f, `1`)
	fails(t, err, function.TypeInit, "could not be started")
}
