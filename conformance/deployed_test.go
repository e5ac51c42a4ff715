package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// faasctl runs a command of the operator's program on a system.
func (s *system) faasctl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "faasctl"), append(args, "--data", s.data)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("faasctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// script deploys a shell script.
func (s *system) script(t *testing.T, name, text string, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.sh")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	s.faasctl(t, append([]string{"deploy", name, file}, flags...)...)
}

func TestAVersionIsCalledByItsNumber(t *testing.T) {
	s := start(t)
	s.script(t, "numbered", `echo '"one"'`)
	s.script(t, "numbered", `echo '"two"'`)
	c := newClient(s)
	for qualifier, want := range map[string]string{"": "two/2", "$LATEST": "two/2", "1": "one/1", "2": "two/2"} {
		in := &lambda.InvokeInput{FunctionName: aws.String("numbered")}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		out := invoke(t, c, in)
		var said string
		if err := json.Unmarshal(out.Payload, &said); err != nil || said+"/"+aws.ToString(out.ExecutedVersion) != want {
			t.Errorf("%q is answered %q by version %s, want %s", qualifier, out.Payload, aws.ToString(out.ExecutedVersion), want)
		}
	}
}

func TestTheLogTailIsWhatTheRunHasPrinted(t *testing.T) {
	s := start(t)
	s.script(t, "talks", `echo "of $FAASD_JOB" >&2; echo '{}'`)
	s.script(t, "fails", `echo "it is broken" >&2; exit 3`)
	for name, failed := range map[string]bool{"talks": false, "fails": true} {
		out := invoke(t, newClient(s), &lambda.InvokeInput{FunctionName: &name, LogType: types.LogTypeTail})
		log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		want := "it is broken\n"
		if !failed {
			want = "of "
		}
		if err != nil || !strings.HasPrefix(string(log), want) || (out.FunctionError != nil) != failed || out.StatusCode != http.StatusOK {
			t.Errorf("%s: the log is %q, error %q: %v", name, log, aws.ToString(out.FunctionError), err)
		}
	}
}

func TestAFunctionHasItsOwnTimeout(t *testing.T) {
	s := start(t, "--timeout", "500ms")
	s.script(t, "short", `exec sleep 60`, "--timeout", "100ms")
	s.script(t, "long", `sleep 1; echo '"done"'`, "--timeout", "30s")
	out := invoke(t, newClient(s), &lambda.InvokeInput{FunctionName: aws.String("short")})
	var e struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(out.Payload, &e); err != nil || e.ErrorType != "Sandbox.Timedout" || !strings.Contains(e.ErrorMessage, "Task timed out after 0.10 seconds") {
		t.Errorf("short: %q, %v", out.Payload, err)
	}
	if out := invoke(t, newClient(s), &lambda.InvokeInput{FunctionName: aws.String("long")}); strings.TrimSpace(string(out.Payload)) != `"done"` {
		t.Errorf("long, beyond the system's own timeout: %q", out.Payload)
	}
}

// An unmodified program made with AWS's library, called by AWS's client.
func TestALambdaProgramIsDeployedAsItIs(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "bootstrap"), "./lambda")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := start(t)
	s.faasctl(t, "deploy", "program", folder)
	c := newClient(s)
	for i := range 20 {
		event := fmt.Sprintf(`{"number":%d}`, i)
		if out := invoke(t, c, &lambda.InvokeInput{FunctionName: aws.String("program"), Payload: []byte(event)}); string(out.Payload) != event || out.FunctionError != nil {
			t.Fatalf("%s comes back as %s, error %q", event, out.Payload, aws.ToString(out.FunctionError))
		}
	}
}
