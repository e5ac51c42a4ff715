package httpcall

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/net/http/httpguts"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/wire"
)

// The headers that every answer to a call carries. A job that no queue or no
// worker had has nobody there, which is no valid name.
const (
	headerJob     = "X-Faasd-Job"
	headerAttempt = "X-Faasd-Attempt"
	headerQueue   = "X-Faasd-Queue"
	headerWorker  = "X-Faasd-Worker"
	nobody        = "-"
)

// maxText is the longest Content-Type, and the longest description of a request
// for functions that are told of it, in bytes: what internal/wire has room for.
const maxText = 16 << 10

// ownTime is what a request has beyond its function's own timeout, so that the
// worker can say that this has ended it.
const ownTime = time.Second

// A Call is one call of a function over HTTP. It is its goroutine's own, which
// takes its steps in this order: Begin, Prepare, Read, Run, one that writes, End.
type Call struct {
	Function frontend.FunctionInfo // with the version that is to run; Prepare fills it in

	calls     *Calls
	x         *httpserver.Exchange
	id        ulid.ULID
	job       string        // id as text
	timeout   time.Duration // of the request
	qualifier string
	room      room
}

// Begin begins a call of the function of that name, with a job id that all
// answers to it carry from now on.
func (c *Calls) Begin(x *httpserver.Exchange, function string) *Call {
	call := &Call{
		Function: frontend.FunctionInfo{Name: function}, calls: c, x: x, id: ulid.MustNew(ulid.Timestamp(x.Began()), rand.Reader),
		room: room{bodies: &c.bodies, function: function},
	}
	call.job = call.id.String()
	x.Set(headerJob, call.job)
	x.Set(headerAttempt, "0")
	x.Set(headerQueue, nobody)
	x.Set(headerWorker, nobody)
	return call
}

// End gives back what the call has reserved.
func (c *Call) End() { c.room.release() }

// Job is the id of the call's job.
func (c *Call) Job() string { return c.job }

// Prepare finds out which version of the function is meant, and what time the
// call has: --timeout, or more if the function's own timeout is more, but not
// beyond --max-timeout. X-Timeout may shorten it.
func (c *Call) Prepare(qualifier string) *Problem {
	name := c.Function.Name
	info, why, err := c.calls.gateway.Resolve(c.x.Context(), name, qualifier)
	switch {
	case c.x.Context().Err() != nil:
		return clientGone
	case err != nil:
		return refusal(frontend.Refused{Why: frontend.Stopping}, name)
	case why == frontend.UnknownFunction && qualifier != "":
		return unknownVersion(name, qualifier)
	case why != frontend.Accepted:
		return refusal(frontend.Refused{Why: why}, name)
	}
	c.Function, c.qualifier, c.timeout = info, qualifier, c.calls.cfg.Timeout
	if info.Timeout > 0 {
		c.timeout = max(c.timeout, min(info.Timeout+ownTime, c.calls.cfg.MaxTimeout))
	}
	if n := len(c.x.ContentType()); n > maxText {
		return &Problem{Type: "content-type-too-long", Status: http.StatusBadRequest, Title: "Content-Type too long",
			Detail: fmt.Sprintf("its Content-Type has %d bytes; at most %d are passed on", n, maxText)}
	}
	if v := c.x.Header("X-Timeout"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return &Problem{Type: "bad-timeout", Status: http.StatusBadRequest, Title: "Unusable X-Timeout",
				Detail: fmt.Sprintf("X-Timeout is %.40q; write a duration such as 500ms or 5s", v)}
		}
		c.timeout = min(c.timeout, d)
	}
	return nil
}

// Read reads the request's body, of at most so many bytes.
func (c *Call) Read(most int64) ([]byte, *Problem) {
	u := upload{call: c, most: most, deadline: c.x.Began().Add(c.timeout)}
	return u.read()
}

// Run has the function called and waits for what comes of it. Whose id, function,
// version, time and trace the request has is the call's matter. One with a
// repeat key is the same call as any other with that key and body that came
// shortly before, or is open still: it has the answer of that one.
func (c *Call) Run(q frontend.Request, repeat string) (frontend.Answer, *Problem) {
	q.ID, q.Function, q.Version = wire.JobID(c.id), c.Function.Name, c.Function.Version
	q.Timeout, q.Trace = c.timeout-time.Since(c.x.Began()), c.trace()
	c.x.Watch()
	defer c.x.Unwatch()
	out := outcome{id: q.ID}
	if repeat == "" {
		out.answer, out.refused, out.err = c.calls.gateway.Call(c.x.Context(), q)
	} else {
		out = c.calls.repeats.call(c.x.Context(), repeatKey{c.Function.Name, c.qualifier, repeat}, q)
	}
	switch {
	case out.err == errAnotherBody:
		return frontend.Answer{}, anotherBody(c.Function.Name)
	case out.err != nil:
		return frontend.Answer{}, clientGone
	case out.refused.Why != frontend.Accepted:
		return frontend.Answer{}, refusal(out.refused, c.Function.Name)
	}
	if out.id != q.ID { // it is of the call that this one repeats
		c.job = ulid.ULID(out.id).String()
		c.x.Set(headerJob, c.job)
	}
	c.x.Set(headerAttempt, strconv.Itoa(out.answer.Attempt))
	c.x.Set(headerQueue, cmp.Or(out.answer.Queue, nobody))
	c.x.Set(headerWorker, cmp.Or(out.answer.Worker, nobody))
	return out.answer, nil
}

// trace is the request's traceparent, which the answer then carries too; "" if it
// has none that is valid.
func (c *Call) trace() string {
	t := c.x.Header("Traceparent")
	if !validTrace(t) {
		return ""
	}
	c.x.Set("Traceparent", t)
	return t
}

// Answer writes an answer as it came: what the function returned, or its own
// error as 500, or the problem that there was.
func (c *Call) Answer(a frontend.Answer) {
	switch p := c.Failure(a); {
	case p != nil:
		c.Refuse(p)
	case a.Code == wire.CodeFunctionError:
		c.Write(http.StatusInternalServerError, a.ContentType, a.Body)
	default:
		c.Write(http.StatusOK, a.ContentType, a.Body)
	}
}

// Refuse answers with a problem, in which the job is named.
func (c *Call) Refuse(p *Problem) {
	c.room.release()
	p.write(c.x, c.job)
}

// Write writes an answer of the function's.
func (c *Call) Write(status int, contentType string, body []byte) {
	if contentType != "" && httpguts.ValidHeaderFieldValue(contentType) {
		c.x.Set("Content-Type", contentType)
	}
	if len(body) <= smallBody {
		c.room.release()
		c.x.Send(status, body)
		return
	}
	d := download{room: &c.room, x: c.x}
	d.write(status, body)
}
