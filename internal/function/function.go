// Package function runs functions. This package has what the kinds have in
// common and the one that is built in; each other kind is a package below.
package function

import (
	"context"
	"errors"
	"fmt"
)

// Invocation is one call of a function.
type Invocation struct {
	Job         string // the job's id; with Attempt, something to fence with
	Attempt     int    // which run of the job this is, from 1
	Function    string
	Version     uint32 // of a deployed function; 0 of a built-in one
	ContentType string
	Body        []byte

	Client  string   // the Lambda client context as the caller gave it, base64; "" if none
	Trace   string   // W3C traceparent; "" if none
	Request *Request // how it was called over HTTP; nil unless the kind of function is told
}

// Request is the HTTP request that a call came by, for functions that are told.
type Request struct {
	Method string              `json:"method"`
	Path   string              `json:"path,omitempty"` // behind the function's name: "" or "/…"
	Query  string              `json:"query,omitempty"`
	Header map[string][]string `json:"header,omitempty"` // canonical names, Host among them; none that concern the connection only
}

// Result is what a call returned.
type Result struct {
	ContentType string
	Body        []byte
}

// Function is something that can be called. Invoke may be called concurrently.
// It returns when ctx ends, at the latest; ctx ends at the job's deadline or
// when nobody waits for the result any more. An error that is an *Error is the
// function's own, a *Failure says why it could not be run or how it crashed;
// any other is taken for a Failure without a type.
type Function interface {
	Invoke(ctx context.Context, in Invocation) (Result, error)
}

// Instant is a Function whose Invoke never blocks, so that a worker may call it
// in its own turn.
type Instant interface {
	Function
	Instant()
}

// Error is an error that a function itself reported, with its body.
type Error struct {
	Result
	Type string // as Lambda names it, such as "errorString"; "" not known
}

// Error gives the beginning of the body.
func (e *Error) Error() string {
	return fmt.Sprintf("the function reported an error: %.200s", e.Body)
}

// The types of a Failure, as AWS Lambda names them.
const (
	TypeExit    = "Runtime.ExitError"   // the process ended before it had answered
	TypeInit    = "Runtime.InitError"   // it did not come up
	TypeTimeout = "Sandbox.Timedout"    // the function's own timeout
	TypeMemory  = "Runtime.OutOfMemory" // it used more memory than it may
	TypeTooLong = "Function.ResponseSizeTooLarge"
)

// Failure says that a function gave no answer, and why.
type Failure struct {
	Type    string // one of the above, or the function's own from its init error
	Message string // for people: what failed, on what, what to do

	Unstarted bool // the function did not come up, and has not seen the call
}

// Error gives the message.
func (f *Failure) Error() string { return f.Message }

// Failed makes a Failure.
func Failed(kind, format string, args ...any) *Failure {
	return &Failure{Type: kind, Message: fmt.Sprintf(format, args...)}
}

// NotStarted makes a Failure of a function that did not come up.
func NotStarted(format string, args ...any) *Failure {
	f := Failed(TypeInit, format, args...)
	f.Unstarted = true
	return f
}

// Unstarted reports whether an error is that of a function that did not come up,
// so that the call may be made again.
func Unstarted(err error) bool {
	var f *Failure
	return errors.As(err, &f) && f.Unstarted
}

// EchoName is the name under which Echo is built in.
const EchoName = "echo"

// Echo returns what it is given, byte for byte, with its content type.
type Echo struct{}

// Invoke returns the invocation's body.
func (Echo) Invoke(_ context.Context, in Invocation) (Result, error) {
	return Result{ContentType: in.ContentType, Body: in.Body}, nil
}

// Instant marks Echo as never blocking.
func (Echo) Instant() {}

var _ Instant = Echo{}
