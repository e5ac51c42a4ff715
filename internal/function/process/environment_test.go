package process

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/function"
)

func TestAProgramIsToldWhatItIsCalledFor(t *testing.T) {
	e := newExec(t, newGuard(t), "env", func(c *Config) {
		c.Env = map[string]string{"OWN": "of the function", "TZ": "Europe/Madrid", "FAASD_JOB": "forged", "HTTP_X_SET": "by the owner"}
	})
	end := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	res, err := e.Invoke(ctx, function.Invocation{
		Job: "job1", Attempt: 2, Function: "fn", ContentType: "text/x-test", Body: []byte("body"), Trace: "00-trace-01",
		Request: &function.Request{Method: "PUT", Path: "/a b", Query: "c=d&e", Header: map[string][]string{
			"Accept": {"a", "b"}, "Cookie": {"c=1", "d=2"}, "Proxy": {"evil"}, "X_Forwarded_For": {"evil"}, "X-Set": {"by a client"},
			"X-Zero": {"a\x00b"}, "X-Lines": {"x"}, "Content-Type": {"evil"}, "Content-Length": {"99"}, "Ä": {"x"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(res.Body)), "\n")
	got = slices.DeleteFunc(got, func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"PWD", "_", "SHLVL", "OLDPWD", MarkVariable}, name) ||
			(name == "HOME" || name == "TMPDIR") && strings.HasPrefix(value, e.Work)
	})
	slices.Sort(got)
	want := []string{
		"CONTENT_LENGTH=4", "CONTENT_TYPE=text/x-test",
		"FAASD_ATTEMPT=2", "FAASD_CODE=" + e.Code, fmt.Sprintf("FAASD_DEADLINE_MS=%d", end.UnixMilli()),
		"FAASD_FUNCTION=fn", "FAASD_JOB=job1", "FAASD_VERSION=3",
		"HTTP_ACCEPT=a, b", "HTTP_COOKIE=c=1; d=2", "HTTP_X_LINES=x", "HTTP_X_SET=by the owner",
		"LANG=C.UTF-8", "OWN=of the function", "PATH=" + DefaultPath, "PATH_INFO=/a b", "QUERY_STRING=c=d&e", "REQUEST_METHOD=PUT",
		"TRACEPARENT=00-trace-01", "TZ=Europe/Madrid",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it is told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
