package native

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

// problem is an RFC 9457 answer. Its type is stable: programs may act on it.
type problem struct {
	Type   string `json:"type"` // written as urn:faasd:problem:TYPE
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // what failed, on what, what to do
	Job    string `json:"job,omitempty"`
	Limit  int64  `json:"limit_bytes,omitempty"`

	retryAfter int // seconds; 0 for no header
}

func (p problem) write(w http.ResponseWriter) {
	p.Type = "urn:faasd:problem:" + p.Type
	head := w.Header()
	if p.Job == "" {
		p.Job = head.Get(headerJob)
	}
	if p.Job != "" && head.Get(headerAttempt) == "" { // it was not accepted
		head.Set(headerAttempt, "0")
		head.Set(headerQueue, nobody)
		head.Set(headerWorker, nobody)
	}
	if p.retryAfter > 0 {
		head.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusRequestTimeout {
		head.Set("Connection", "close") // RFC 9110, 15.5.9; net/http has ended its context
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	problem{Type: "method-not-allowed", Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
		Detail: "this route takes " + allow}.write(w)
}

// notAccepted is the answer to a request that was refused.
func notAccepted(r frontend.Refused, function string) problem {
	p := problem{Status: http.StatusServiceUnavailable, retryAfter: 1}
	switch r.Why {
	case frontend.UnknownFunction:
		return problem{Type: "unknown-function", Status: http.StatusNotFound, Title: "Unknown function",
			Detail: fmt.Sprintf("no function %.80q is built in or served by a worker; GET /functions lists those that are", function)}
	case frontend.Full:
		p.Type, p.Title = "full", "The system is full"
		p.Detail = fmt.Sprintf("as many requests for %.80q wait as there may; try again when these are answered", function)
		p.retryAfter = int(r.RetryAfter / time.Second)
	case frontend.NoBroker:
		p.Type, p.Title, p.Detail = "no-broker", "No broker in sight", "this frontend has no connection to a broker; try again, and see that one runs"
	default:
		p.Type, p.Title, p.Detail = "stopping", "Stopping", "this frontend is about to stop; try another, or again later"
	}
	return p
}

// failed is the answer for a job that was accepted and came to nothing.
func failed(id ulid.ULID, timeout time.Duration, a frontend.Answer) problem {
	p := problem{Status: http.StatusBadGateway, Job: id.String(), Detail: a.Reason}
	switch a.Code {
	case wire.CodeExpired:
		p.Type, p.Status, p.Title = "deadline", http.StatusGatewayTimeout, "Past its deadline"
		p.Detail = fmt.Sprintf("no answer within %s; the function is too slow, or no worker was free for it", timeout)
		if a.Reason != "" {
			p.Detail = fmt.Sprintf("no answer within %s: %s", timeout, a.Reason)
		}
	case wire.CodeWorkersLost:
		p.Type, p.Title = "workers-lost", "The function's workers were lost"
	case wire.CodeCorrupt:
		p.Type, p.Title = "corrupt", "The body did not survive the journey"
	case wire.CodeLeaving:
		p.Type, p.Status, p.Title, p.retryAfter = "stopping", http.StatusServiceUnavailable, "Stopping", 1
	default:
		p.Type, p.Title = "function-failed", "The function could not be run"
	}
	return p
}
