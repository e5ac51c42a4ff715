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
	w         http.ResponseWriter
	r         *http.Request
	id        ulid.ULID
	began     time.Time
	timeout   time.Duration // of the request
	qualifier string
	room      room
	conn      *http.ResponseController
	who       [4]string // the values of the headers below, in place
}

// Begin begins a call of the function of that name, with a job id that all
// answers to it carry from now on.
func (c *Calls) Begin(w http.ResponseWriter, r *http.Request, function string) *Call {
	call := &Call{
		Function: frontend.FunctionInfo{Name: function}, calls: c, w: w, r: r, id: ulid.MustNew(ulid.Now(), rand.Reader), began: time.Now(),
		room: room{bodies: &c.bodies, function: function}, conn: http.NewResponseController(w),
	}
	head := w.Header()
	for i, name := range []string{headerJob, headerAttempt, headerQueue, headerWorker} {
		head[name] = call.who[i : i+1 : i+1]
	}
	call.who = [...]string{call.id.String(), "0", nobody, nobody}
	return call
}

// End gives back what the call has reserved.
func (c *Call) End() { c.room.release() }

// Job is the id of the call's job.
func (c *Call) Job() string { return c.id.String() }

// Began is when the call began.
func (c *Call) Began() time.Time { return c.began }

// Prepare finds out which version of the function is meant, and what time the
// call has: --timeout, or more if the function's own timeout is more, but not
// beyond --max-timeout. X-Timeout may shorten it.
func (c *Call) Prepare(qualifier string) *Problem {
	name := c.Function.Name
	info, why, err := c.calls.gateway.Resolve(c.r.Context(), name, qualifier)
	switch {
	case c.r.Context().Err() != nil:
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
	if n := len(c.r.Header.Get("Content-Type")); n > maxText {
		return &Problem{Type: "content-type-too-long", Status: http.StatusBadRequest, Title: "Content-Type too long",
			Detail: fmt.Sprintf("its Content-Type has %d bytes; at most %d are passed on", n, maxText)}
	}
	if v := c.r.Header.Get("X-Timeout"); v != "" {
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
	u := upload{call: c, most: most, deadline: c.began.Add(c.timeout)}
	return u.read()
}

// Run has the function called and waits for what comes of it. Whose id, function,
// version, time and trace the request has is the call's matter. One with a
// repeat key is the same call as any other with that key and body that came
// shortly before, or is open still: it has the answer of that one.
func (c *Call) Run(q frontend.Request, repeat string) (frontend.Answer, *Problem) {
	q.ID, q.Function, q.Version = wire.JobID(c.id), c.Function.Name, c.Function.Version
	q.Timeout, q.Trace = c.timeout-time.Since(c.began), c.trace()
	out := outcome{id: q.ID}
	if repeat == "" {
		out.answer, out.refused, out.err = c.calls.gateway.Call(c.r.Context(), q)
	} else {
		out = c.calls.repeats.call(c.r.Context(), repeatKey{c.Function.Name, c.qualifier, repeat}, q)
	}
	switch {
	case out.err == errAnotherBody:
		return frontend.Answer{}, anotherBody(c.Function.Name)
	case out.err != nil:
		return frontend.Answer{}, clientGone
	case out.refused.Why != frontend.Accepted:
		return frontend.Answer{}, refusal(out.refused, c.Function.Name)
	}
	c.id = ulid.ULID(out.id)
	c.who = [...]string{c.id.String(), strconv.Itoa(out.answer.Attempt), cmp.Or(out.answer.Queue, nobody), cmp.Or(out.answer.Worker, nobody)}
	return out.answer, nil
}

// trace is the request's traceparent, which the answer then carries too; "" if it
// has none that is valid.
func (c *Call) trace() string {
	t := c.r.Header.Get("Traceparent")
	if !validTrace(t) {
		return ""
	}
	c.w.Header().Set("Traceparent", t)
	return t
}

// Answer writes an answer as it came: what the function returned, or its own
// error as 500, or the problem that there was.
func (c *Call) Answer(a frontend.Answer) {
	switch p := c.Failure(a); {
	case p != nil:
		p.Write(c.w)
	case a.Code == wire.CodeFunctionError:
		c.Write(http.StatusInternalServerError, a.ContentType, a.Body)
	default:
		c.Write(http.StatusOK, a.ContentType, a.Body)
	}
}

// Write writes an answer of the function's.
func (c *Call) Write(status int, contentType string, body []byte) {
	head := c.w.Header()
	if contentType != "" && httpguts.ValidHeaderFieldValue(contentType) {
		head.Set("Content-Type", contentType)
	} else {
		head["Content-Type"] = nil // none came; do not guess one
	}
	head.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	d := download{room: &c.room, conn: c.conn}
	d.write(c.w, body)
}
