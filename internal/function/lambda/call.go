package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"faasd/internal/function"
)

// foreverAfter is the deadline that a call without one is given: Lambda's longest.
const foreverAfter = 15 * time.Minute

// call is one Invoke on its way through a process.
type call struct {
	in       function.Invocation
	deadline time.Time
	done     chan struct{} // closed once it is over; res and err are set then

	// Guarded by Function.mu.
	on        *instance // who runs it; nil while it waits
	claimed   bool      // its answer is being read
	abandoned bool      // nobody waits for it any more, but a process still runs it
	over      bool
	res       function.Result
	err       error
}

// finish ends the call; the function's mu is held.
func (c *call) finish(res function.Result, err error) {
	if c.over {
		return
	}
	c.over, c.res, c.err = true, res, err
	close(c.done)
}

// appendHead appends the head of the answer to a request for the next call:
//
//	HTTP/1.1 200 OK
//	Content-Type: application/json
//	Content-Length: 24
//	Lambda-Runtime-Aws-Request-Id: 01JZ…            the job
//	Lambda-Runtime-Faasd-Attempt: 1                 which run of it
//	Lambda-Runtime-Deadline-Ms: 1760000000000       since 1970
//	Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:hello:3
//	Lambda-Runtime-Trace-Id: Root=1-…;Parent=…;Sampled=1    if the call has a trace, which
//	Traceparent: 00-…-…-01                                  is also there as it came
//	Lambda-Runtime-Client-Context: {…}              if the caller gave one
func (c *call) appendHead(b []byte, arn string) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: "...)
	b = append(b, clean(c.in.ContentType, jsonType)...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(c.in.Body)), 10)
	b = append(b, "\r\nLambda-Runtime-Aws-Request-Id: "...)
	b = append(b, c.in.Job...)
	b = append(b, "\r\nLambda-Runtime-Faasd-Attempt: "...)
	b = strconv.AppendInt(b, int64(c.in.Attempt), 10)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, c.deadline.UnixMilli(), 10)
	b = append(b, "\r\nLambda-Runtime-Invoked-Function-Arn: "...)
	b = append(b, arn...)
	if id := traceID(c.in.Trace); id != "" {
		b = append(b, "\r\nLambda-Runtime-Trace-Id: "...)
		b = append(b, id...)
		b = append(b, "\r\nTraceparent: "...)
		b = append(b, c.in.Trace...)
	}
	if client := clientContext(c.in.Client); len(client) > 0 {
		b = append(b, "\r\nLambda-Runtime-Client-Context: "...)
		b = append(b, client...)
	}
	return append(b, "\r\n\r\n"...)
}

// clean is a header's value if it can be one, else the other.
func clean(value, other string) string {
	if value == "" {
		return other
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return other
		}
	}
	return value
}

// traceID is a W3C traceparent in the form that AWS X-Ray has for the same; ""
// if it is none.
//
//	00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01
//	Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
func traceID(parent string) string {
	if len(parent) < 55 || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return ""
	}
	for i := range len(parent) {
		if c := parent[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	flags, err := strconv.ParseUint(parent[53:55], 16, 8)
	if err != nil {
		return ""
	}
	return "Root=1-" + parent[3:11] + "-" + parent[11:35] + ";Parent=" + parent[36:52] +
		";Sampled=" + strconv.FormatUint(flags&1, 10)
}

// clientContext is the JSON of a client context as callers send it, in one
// line; nothing if it is not that. Who takes calls refuses such; here it is
// too late.
func clientContext(base string) []byte {
	if base == "" {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(base)
	if err != nil {
		return nil
	}
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		return nil
	}
	return line.Bytes()
}
