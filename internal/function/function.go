// Package function runs functions. This package has what the kinds have in
// common and the one that is built in; each other kind is a package below.
package function

import (
	"context"
	"fmt"
)

// Invocation is one call of a function.
type Invocation struct {
	Job         string // the job's id; with Attempt, something to fence with
	Attempt     int    // which run of the job this is, from 1
	Function    string
	ContentType string
	Body        []byte
}

// Result is what a call returned.
type Result struct {
	ContentType string
	Body        []byte
}

// Function is something that can be called. Invoke may be called concurrently.
// It returns when ctx ends, at the latest; ctx ends at the job's deadline or
// when nobody waits for the result any more. An error that is an *Error is the
// function's own; any other means that it could not be run or crashed.
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
type Error struct{ Result }

// Error gives the beginning of the body.
func (e *Error) Error() string {
	return fmt.Sprintf("the function reported an error: %.200s", e.Body)
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
