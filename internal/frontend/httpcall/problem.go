package httpcall

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/wire"
)

// A Problem is an RFC 9457 answer. Its type is stable: programs may act on it.
type Problem struct {
	Type   string `json:"type"` // written as urn:faasd:problem:TYPE
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // what failed, on what, what to do
	Job    string `json:"job,omitempty"`
	Limit  int64  `json:"limit_bytes,omitempty"`

	RetryAfter int `json:"-"` // seconds; 0 for no header
}

// The types that adapters tell apart.
const (
	TypeUnknownFunction = "unknown-function"
	TypeUnknownVersion  = "unknown-version"
	TypeNotUp           = "not-up"
	TypeFull            = "full"
	TypeTooLarge        = "body-too-large"
	TypeTooSlow         = "body-too-slow"
	TypeKeyReused       = "key-reused"
)

// statusClientGone is nginx's number for it, used in the metrics alone.
const statusClientGone = 499

// clientGone is what nobody reads.
var clientGone = &Problem{Status: statusClientGone}

// Gone reports whether there is nobody to tell: the client has gone.
func (p *Problem) Gone() bool { return p == clientGone }

// Write answers with the problem as it is, with the headers that belong to it.
func (p *Problem) Write(x *httpserver.Exchange) { p.write(x, "") }

func (p *Problem) write(x *httpserver.Exchange, job string) {
	p.Head(x)
	if p.Gone() {
		x.Leave(p.Status)
		return
	}
	whole := *p
	whole.Type, whole.Job = "urn:faasd:problem:"+p.Type, job
	JSON(x, p.Status, "application/problem+json", whole)
}

// Head sets the headers that belong to a problem, however its body is written.
func (p *Problem) Head(x *httpserver.Exchange) {
	if p.RetryAfter > 0 {
		x.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusRequestTimeout {
		x.CloseAfter() // RFC 9110, 15.5.9
	}
}

// NotAllowed answers a method that is not among those that a route takes.
func NotAllowed(x *httpserver.Exchange, allow string) {
	x.Set("Allow", allow)
	(&Problem{Type: "method-not-allowed", Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
		Detail: "this route takes " + allow}).Write(x)
}

// NoRoute answers where nothing is served.
func NoRoute(x *httpserver.Exchange) {
	(&Problem{Type: "not-found", Status: http.StatusNotFound, Title: "No such route",
		Detail: fmt.Sprintf("nothing is served at %.200s; POST /{function} calls a function, GET / lists the routes", x.Path())}).Write(x)
}

// Malformed answers what is no request.
func Malformed(x *httpserver.Exchange, status int, why string) {
	p := &Problem{Type: "malformed", Status: status, Title: "Malformed request", Detail: why}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		p.Type, p.Title = "headers-too-large", "Headers too large"
	}
	p.Write(x)
}

// NotYet is the answer to a call that is not to be waited for; instead says how
// one is made that is.
func NotYet(instead string) *Problem {
	return &Problem{Type: "not-implemented", Status: http.StatusNotImplemented, Title: "Asynchronous calls are not there yet",
		Detail: "this release only answers synchronously, because a job that nobody waits for would not survive a restart; " + instead}
}

// JSON answers with v, which is plain data.
func JSON(x *httpserver.Exchange, status int, contentType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("httpcall: answers are plain data: " + err.Error())
	}
	x.Set("Content-Type", contentType)
	x.Send(status, append(b, '\n'))
}

// refusal is the answer to a request that was not accepted.
func refusal(r frontend.Refused, function string) *Problem {
	p := &Problem{Status: http.StatusServiceUnavailable, RetryAfter: 1}
	switch r.Why {
	case frontend.UnknownFunction:
		return &Problem{Type: TypeUnknownFunction, Status: http.StatusNotFound, Title: "Unknown function",
			Detail: fmt.Sprintf("no function %.80q is built in or served by a worker; GET /functions lists those that are", function)}
	case frontend.NotUp:
		return &Problem{Type: TypeNotUp, Status: http.StatusNotFound, Title: "No version is up",
			Detail: fmt.Sprintf("function %.80q is deployed, and no version of it has come up yet; faasctl functions %.80s says how that goes, or why it failed", function, function)}
	case frontend.Uninformed:
		p.Type, p.Title = "not-known-yet", "Not known yet"
		p.Detail = fmt.Sprintf("this frontend has just begun and does not know of a function %.80q, which may be deployed; try again, and see that a coordinator runs", function)
	case frontend.Full:
		p.Type, p.Title = TypeFull, "The system is full"
		p.Detail = fmt.Sprintf("as many requests for %.80q wait as there may; try again when these are answered", function)
		p.RetryAfter = int(r.RetryAfter / time.Second)
	case frontend.NoBroker:
		p.Type, p.Title, p.Detail = "no-broker", "No broker in sight", "this frontend has no connection to a broker; try again, and see that one runs"
	default:
		p.Type, p.Title, p.Detail = "stopping", "Stopping", "this frontend is about to stop; try another, or again later"
	}
	return p
}

// Missing is the answer for a function that cannot be called: UnknownFunction, or
// NotUp.
func Missing(why frontend.Refusal, function string) *Problem {
	return refusal(frontend.Refused{Why: why}, function)
}

// Stopping is the answer of a frontend that has stopped.
func Stopping() *Problem { return refusal(frontend.Refused{Why: frontend.Stopping}, "") }

func unknownVersion(function, qualifier string) *Problem {
	return &Problem{Type: TypeUnknownVersion, Status: http.StatusNotFound, Title: "Unknown version",
		Detail: fmt.Sprintf("there is no version %.80q of a function %.80q; a version is a number, and none or $LATEST is the current one", qualifier, function)}
}

func anotherBody(function string) *Problem {
	return &Problem{Type: TypeKeyReused, Status: http.StatusUnprocessableEntity, Title: "Key used with another body",
		Detail: fmt.Sprintf("a call of %.80q with this key and another body came a moment ago; use a new key for a new call", function)}
}

// Failure is the problem of a job that was accepted and came to nothing; nil if
// the function answered, be it with an error of its own.
func (c *Call) Failure(a frontend.Answer) *Problem {
	p := &Problem{Status: http.StatusBadGateway, Detail: a.Reason}
	switch a.Code {
	case wire.CodeOK, wire.CodeFunctionError:
		return nil
	case wire.CodeExpired:
		p.Type, p.Status, p.Title = "deadline", http.StatusGatewayTimeout, "Past its deadline"
		p.Detail = fmt.Sprintf("no answer within %s; the function is too slow, or no worker was free for it", c.timeout)
		if a.Reason != "" {
			p.Detail = fmt.Sprintf("no answer within %s: %s", c.timeout, a.Reason)
		}
	case wire.CodeTimedOut:
		p.Type, p.Status, p.Title = "function-timeout", http.StatusGatewayTimeout, "The function's own timeout ended it"
	case wire.CodeWorkersLost:
		p.Type, p.Title = "workers-lost", "The function's workers were lost"
	case wire.CodeCorrupt:
		p.Type, p.Title = "corrupt", "The body did not survive the journey"
	case wire.CodeLeaving:
		p.Type, p.Status, p.Title, p.RetryAfter = "stopping", http.StatusServiceUnavailable, "Stopping", 1
	default:
		p.Type, p.Title = "function-failed", "The function failed"
	}
	return p
}
