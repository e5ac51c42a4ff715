package lambda

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faasd/internal/function"
)

// In these tests the function's process does nothing, and the test speaks to
// its Runtime API in its stead.

// idler says where its Runtime API is and waits to be killed.
const idler = `#!/bin/sh
echo "$AWS_LAMBDA_RUNTIME_API" >"$ADDRESS.new"
mv "$ADDRESS.new" "$ADDRESS"
exec sleep 3600
`

// played is a function whose process is played by the test.
type played struct {
	*Function
	t       *testing.T
	address string
	client  *http.Client
}

func play(t *testing.T, cfg Config) *played {
	t.Helper()
	file := filepath.Join(t.TempDir(), "address")
	cfg.Code, cfg.Env = script(t, idler), map[string]string{"ADDRESS": file}
	p := &played{Function: newFunction(t, cfg), t: t, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(p.client.CloseIdleConnections)
	p.start(file)
	return p
}

// start has a process started, which writes that file.
func (p *played) start(file string) {
	p.t.Helper()
	_ = os.Remove(file)
	go func() { _ = p.Check(context.Background()) }()
	eventually(p.t, "the process says where its API is", func() bool {
		text, err := os.ReadFile(file)
		p.address = strings.TrimSpace(string(text))
		return err == nil
	})
}

// call calls the function; the channel gets what comes of it.
func (p *played) call(ctx context.Context, in function.Invocation) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		res, err := p.Invoke(ctx, in)
		c <- outcome{string(res.Body), err}
	}()
	return c
}

type outcome struct {
	body string
	err  error
}

func (p *played) wants(c <-chan outcome, body string) {
	p.t.Helper()
	select {
	case o := <-c:
		if o.err != nil || o.body != body {
			p.t.Fatalf("%q %v; want %q", o.body, o.err, body)
		}
	case <-time.After(patience):
		p.t.Fatal("no answer")
	}
}

// request makes a request and returns its status, its headers, and the error's
// type if its body is one, else the body.
func (p *played) request(method, path, body string, header ...string) (int, http.Header, string) {
	p.t.Helper()
	req, err := http.NewRequest(method, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var said reported
	if json.Unmarshal(text, &said) == nil && said.Type != "" {
		return res.StatusCode, res.Header, said.Type
	}
	return res.StatusCode, res.Header, string(text)
}

// next takes a call, whose job it returns.
func (p *played) next() string {
	p.t.Helper()
	status, header, body := p.request("GET", "/2018-06-01/runtime/invocation/next", "")
	if status != 200 {
		p.t.Fatalf("next: %d %s", status, body)
	}
	return header.Get("Lambda-Runtime-Aws-Request-Id")
}

func (p *played) refused(status int, kind, method, path, body string, header ...string) {
	p.t.Helper()
	got, _, said := p.request(method, path, body, header...)
	if got != status || said != kind {
		p.t.Fatalf("%s %s: %d %s, want %d %s", method, path, got, said, status, kind)
	}
}

func (p *played) accepted(path, body string, header ...string) {
	p.t.Helper()
	if status, _, said := p.request("POST", "/2018-06-01/runtime/"+path, body, header...); status != 202 {
		p.t.Fatalf("POST %s: %d %s", path, status, said)
	}
}

func TestAnswersThatMakeNoSenseAreRefused(t *testing.T) {
	p := play(t, Config{})
	const runtime = "/2018-06-01/runtime/"
	p.refused(400, "InvalidRequestID", "POST", runtime+"invocation/nobody/response", "1")
	p.refused(404, "NotFound", "GET", "/", "")
	p.refused(404, "NotFound", "POST", runtime+"invocation/nobody/applause", "")
	p.refused(405, "MethodNotAllowed", "POST", runtime+"invocation/next", "")
	p.refused(405, "MethodNotAllowed", "GET", runtime+"init/error", "")

	first := p.call(withPatience(t), invocation("1"))
	job := p.next()
	p.refused(403, "InvalidStateTransition", "GET", runtime+"invocation/next", "")
	p.refused(403, "InvalidStateTransition", "POST", runtime+"init/error", `{}`)
	p.refused(400, "InvalidRequestID", "POST", runtime+"invocation/another/response", "1")
	p.accepted("invocation/"+job+"/response", "one")
	p.wants(first, "one")
	p.refused(403, "InvalidStateTransition", "POST", runtime+"invocation/"+job+"/response", "two")
	p.refused(403, "InvalidStateTransition", "POST", runtime+"invocation/"+job+"/error", "two")

	second := p.call(withPatience(t), invocation("2"))
	p.refused(400, "InvalidRequestID", "POST", runtime+"invocation/"+p.next()+"x/response", "1")
	p.refused(403, "InvalidStateTransition", "POST", runtime+"invocation/"+job+"/response", "late")
	select {
	case o := <-second:
		t.Fatalf("answered by somebody else's answer: %+v", o)
	default:
	}
}

func TestErrorsHaveTheirTypeAndBody(t *testing.T) {
	p := play(t, Config{})
	for _, c := range []struct{ header, body, kind, want string }{
		{"", `{"errorMessage":"no","errorType":"Own"}`, "Own", `{"errorMessage":"no","errorType":"Own"}`},
		{"Function.Own", `{"errorMessage":"no","errorType":"Other"}`, "Function.Own", `{"errorMessage":"no","errorType":"Other"}`},
		{"Function.Own", ``, "Function.Own", `{"errorMessage":"","errorType":"Function.Own"}`},
		{"", `no JSON`, "", `no JSON`},
	} {
		call := p.call(withPatience(t), invocation("1"))
		p.accepted("invocation/"+p.next()+"/error", c.body, "Lambda-Runtime-Function-Error-Type", c.header)
		o := <-call
		var own *function.Error
		if !errors.As(o.err, &own) || own.Type != c.kind || string(own.Body) != c.want {
			t.Errorf("%+v: %+v", c, o.err)
		}
	}
}

func TestAnswerTooLongIsRefusedAndSaid(t *testing.T) {
	p := play(t, Config{MaxBody: 10})
	for _, read := range []io.Reader{strings.NewReader("12345678901"), io.MultiReader(strings.NewReader("12345678901"))} {
		call := p.call(withPatience(t), invocation("1"))
		path := "http://" + p.address + "/2018-06-01/runtime/invocation/" + p.next() + "/response"
		res, err := p.client.Post(path, "text/plain", read)
		if err != nil || res.StatusCode != 413 {
			t.Fatalf("%v %v", res, err)
		}
		_ = res.Body.Close()
		fails(t, (<-call).err, function.TypeTooLong, "(10 bytes)")
	}
	call := p.call(withPatience(t), invocation("1"))
	p.accepted("invocation/"+p.next()+"/response", "1234567890")
	p.wants(call, "1234567890")
}

func TestAnswerThatBreaksOffMayBeRepeated(t *testing.T) {
	p := play(t, Config{})
	call := p.call(withPatience(t), invocation("1"))
	job := p.next()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123", job)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 400 {
		t.Fatalf("%v %v", res, err)
	}
	_ = c.Close()
	p.accepted("invocation/"+job+"/response", "whole")
	p.wants(call, "whole")
}

func TestClientThatWaitsForTheGoAheadGetsIt(t *testing.T) {
	p := play(t, Config{})
	p.client.Transport.(*http.Transport).ExpectContinueTimeout = patience
	call := p.call(withPatience(t), invocation("1"))
	p.accepted("invocation/"+p.next()+"/response", "answer", "Expect", "100-continue")
	p.wants(call, "answer")
}

func TestLastRequestOfAConnectionIsAnsweredWithItsEnd(t *testing.T) {
	p := play(t, Config{})
	for _, head := range []string{"HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"} {
		call := p.call(withPatience(t), invocation("body"))
		c, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "GET /2018-06-01/runtime/invocation/next "+head)
		text, err := io.ReadAll(c) // to the end
		if err != nil || !strings.HasSuffix(string(text), "\r\n\r\nbody") {
			t.Fatalf("%q %v", text, err)
		}
		_ = c.Close()
		_, rest, _ := strings.Cut(string(text), "Lambda-Runtime-Aws-Request-Id: ")
		job, _, _ := strings.Cut(rest, "\r\n")
		p.accepted("invocation/"+job+"/response", "1")
		p.wants(call, "1")
	}
}

func TestProcessThatHangsUpGivesItsSlotBack(t *testing.T) {
	p := play(t, Config{})
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "there is a slot", func() bool { return slots(p.Function) == 1 })
	_ = c.Close()
	eventually(t, "the slot is gone", func() bool { return slots(p.Function) == 0 })
	call := p.call(withPatience(t), invocation("1"))
	p.accepted("invocation/"+p.next()+"/response", "1")
	p.wants(call, "1")
}

func TestSecondRequestBeforeTheAnswerEndsTheConnection(t *testing.T) {
	p := play(t, Config{})
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	next := "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
	fmt.Fprint(c, next+next)
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && err == nil {
		t.Fatalf("%d %v", n, err)
	}
	call := p.call(withPatience(t), invocation("1"))
	p.accepted("invocation/"+p.next()+"/response", "1")
	p.wants(call, "1")
}

func TestEndlessHeadsAreNotRead(t *testing.T) {
	p := play(t, Config{})
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n")
	line := "X: " + strings.Repeat("x", 1000) + "\r\n"
	for sent := 0; err == nil; sent += len(line) {
		if sent > 16*maxHeader {
			t.Fatal("still read")
		}
		_, err = io.WriteString(c, line)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestExtensionWithoutEventsMayRegister(t *testing.T) {
	p := play(t, Config{Name: "resize", Version: 7})
	const path = "/2020-01-01/extension/"
	status, header, body := p.request("POST", path+"register", `{"events":null}`, "Lambda-Extension-Name", "mine")
	if status != 200 || header.Get("Lambda-Extension-Identifier") == "" || !strings.Contains(body, `"functionName":"resize","functionVersion":"7"`) {
		t.Fatalf("%d %v %s", status, header, body)
	}
	p.refused(403, "Extension.InvalidEventType", "POST", path+"register", `{"events":["SHUTDOWN"]}`, "Lambda-Extension-Name", "mine")
	p.refused(403, "Extension.InvalidExtensionName", "POST", path+"register", `{}`)
	p.refused(403, "Extension.MissingExtensionIdentifier", "GET", path+"event/next", "")
	if status, _, _ := p.request("GET", "/2018-06-01/runtime/restore/next", ""); status != 200 {
		t.Errorf("restore/next: %d", status)
	}
}

func TestStartThatIsReportedAsFailedIsPassedOn(t *testing.T) {
	p := play(t, Config{})
	call := p.call(withPatience(t), invocation("1"))
	eventually(t, "the call waits", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.waiting) == 1 })
	p.accepted("init/error", `{"errorMessage":"no licence","errorType":"Own.Start"}`)
	o := <-call
	fails(t, o.err, "Own.Start", "no licence")
}
