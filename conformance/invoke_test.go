package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// newClient makes AWS's own client of a system; it tries nothing twice unless
// told to.
func newClient(s *system, more ...func(*lambda.Options)) *lambda.Client {
	return lambda.New(lambda.Options{
		BaseEndpoint: aws.String(s.url), Region: "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
	}, more...)
}

// invoke calls a function that is to answer, well or not.
func invoke(t *testing.T, c *lambda.Client, in *lambda.InvokeInput) *lambda.InvokeOutput {
	t.Helper()
	out, err := c.Invoke(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", aws.ToString(in.FunctionName), err)
	}
	return out
}

func TestInvoke(t *testing.T) {
	c := newClient(up)
	for _, name := range []string{
		"echo", "echo:$LATEST", "123456789012:function:echo", "arn:aws:lambda:us-east-1:123456789012:function:echo",
		"arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST",
	} {
		out := invoke(t, c, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{"hola":"mundo"}`)})
		if out.StatusCode != http.StatusOK || string(out.Payload) != `{"hola":"mundo"}` || out.FunctionError != nil || aws.ToString(out.ExecutedVersion) != "$LATEST" {
			t.Errorf("%s: status %d, %q, error %q, version %q", name, out.StatusCode, out.Payload, aws.ToString(out.FunctionError), aws.ToString(out.ExecutedVersion))
		}
	}
	out := invoke(t, c, &lambda.InvokeInput{
		FunctionName: aws.String("echo"), Qualifier: aws.String("$LATEST"), InvocationType: types.InvocationTypeRequestResponse,
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`))),
	})
	if string(out.Payload) != "{}" {
		t.Errorf("no event comes back as %q, want {}", out.Payload)
	}
	large := []byte(`"` + strings.Repeat("x", 6<<20-2) + `"`)
	if out := invoke(t, c, &lambda.InvokeInput{FunctionName: aws.String("echo"), Payload: large}); string(out.Payload) != string(large) {
		t.Errorf("an event of 6 MiB comes back as %d bytes", len(out.Payload))
	}
}

func TestDryRun(t *testing.T) {
	out := invoke(t, newClient(up), &lambda.InvokeInput{FunctionName: aws.String("hangs"), InvocationType: types.InvocationTypeDryRun})
	if out.StatusCode != http.StatusNoContent || len(out.Payload) > 0 {
		t.Errorf("status %d, %q", out.StatusCode, out.Payload)
	}
}

func TestLogTail(t *testing.T) {
	out := invoke(t, newClient(up), &lambda.InvokeInput{FunctionName: aws.String("echo"), LogType: types.LogTypeTail})
	if _, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); err != nil || out.LogResult == nil {
		t.Errorf("the log is %v, %v", out.LogResult, err)
	}
}

func TestFunctionErrors(t *testing.T) {
	for name, want := range map[string][2]string{
		"reports":  {"myError", "no"},
		"mumbles":  {"Runtime.Unknown", "line 3: not found"},
		"panics":   {"Runtime.Unknown", "panicked: no"},
		"exits":    {"Runtime.ExitError", "exit status 3"},
		"overruns": {"Sandbox.Timedout", "Task timed out after 3.00 seconds"},
	} {
		out := invoke(t, newClient(up), &lambda.InvokeInput{FunctionName: &name})
		var e struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal(out.Payload, &e); err != nil || out.StatusCode != http.StatusOK || aws.ToString(out.FunctionError) != "Unhandled" {
			t.Errorf("%s: status %d, error %q, %q: %v", name, out.StatusCode, aws.ToString(out.FunctionError), out.Payload, err)
		}
		if e.ErrorType != want[0] || !strings.Contains(e.ErrorMessage, want[1]) {
			t.Errorf("%s: %+v, want %q", name, e, want)
		}
	}
}

func TestServiceErrors(t *testing.T) {
	c := newClient(up)
	fails := func(in *lambda.InvokeInput) error {
		t.Helper()
		out, err := c.Invoke(t.Context(), in)
		if err == nil {
			t.Fatalf("%s: status %d", aws.ToString(in.FunctionName), out.StatusCode)
		}
		return err
	}
	var notFound *types.ResourceNotFoundException
	for _, name := range []string{"nobody", "echo:7", "arn:aws:lambda:us-east-1:123456789012:function:echo:live"} {
		if err := fails(&lambda.InvokeInput{FunctionName: &name}); !errors.As(err, &notFound) || aws.ToString(notFound.Message) == "" || aws.ToString(notFound.Type) != "User" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fails(&lambda.InvokeInput{FunctionName: aws.String("echo"), Qualifier: aws.String("7")}); !errors.As(err, &notFound) {
		t.Error(err)
	}
	var content *types.InvalidRequestContentException
	if err := fails(&lambda.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte("hello")}); !errors.As(err, &content) {
		t.Error(err)
	}
	var parameter *types.InvalidParameterValueException
	if err := fails(&lambda.InvokeInput{FunctionName: aws.String("echo:1"), Qualifier: aws.String("2")}); !errors.As(err, &parameter) {
		t.Error(err)
	}
	var large *types.RequestTooLargeException
	if err := fails(&lambda.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte(`"` + strings.Repeat("x", 6<<20+99) + `"`)}); !errors.As(err, &large) {
		t.Error(err)
	}
	var any smithy.APIError
	if err := fails(&lambda.InvokeInput{FunctionName: aws.String("echo"), InvocationType: types.InvocationTypeEvent}); !errors.As(err, &any) || any.ErrorCode() != "NotImplementedException" {
		t.Error(err)
	}
	if _, err := c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); !errors.As(err, &any) || any.ErrorCode() != "UnknownOperationException" {
		t.Error(err)
	}
}

func TestThrottling(t *testing.T) {
	s := start(t, "--window-jobs", "4") // half of it for one function
	s.serve(t)
	c := newClient(s)
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 2 {
		go func() {
			_, err := c.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("hangs")})
			ended <- err
		}()
	}
	s.until(t, "hangs", func(f function) bool { return f.Running == 2 })
	_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("hangs")})
	var throttled *types.TooManyRequestsException
	if !errors.As(err, &throttled) || aws.ToString(throttled.RetryAfterSeconds) == "" || throttled.Reason != types.ThrottleReasonConcurrentInvocationLimitExceeded {
		t.Errorf("the third call: %v", err)
	}
	leave()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a call that hangs ends with %v", err)
		}
	}
}

// A client that is less patient than its function comes back, and finds the call
// that it has made already.
func TestARetryDoesNotRunAFunctionTwice(t *testing.T) {
	c := newClient(up, func(o *lambda.Options) {
		o.HTTPClient, o.RetryMaxAttempts = &http.Client{Timeout: time.Second}, 10
	})
	var runs [2]int
	for i := range runs {
		out := invoke(t, c, &lambda.InvokeInput{FunctionName: aws.String("counts")})
		if err := json.Unmarshal(out.Payload, &runs[i]); err != nil {
			t.Fatalf("%q: %v", out.Payload, err)
		}
	}
	if runs[1] != runs[0]+1 {
		t.Errorf("two calls are answered by runs %d and %d", runs[0], runs[1])
	}
}
