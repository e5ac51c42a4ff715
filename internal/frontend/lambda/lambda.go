// Package lambda is the Invoke operation of the AWS Lambda API, so that AWS's
// SDKs and command line call functions here. Its signature is not looked at:
// nobody is asked who they are.
package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
)

// Prefix is what the paths of the API begin with.
const Prefix = "/2015-03-31/"

const (
	functions   = Prefix + "functions/"
	invocations = "/invocations"

	// beyond is how many bytes more than --max-body an event may have: AWS takes
	// 6 MiB and 100 bytes.
	beyond = 100
	// maxClient is the longest client context, in bytes of base64.
	maxClient = 3583
	// maxID is the longest amz-sdk-invocation-id that tells calls apart, in bytes;
	// SDKs send a UUID.
	maxID = 128
)

// What X-Amz-Invocation-Type may be.
const (
	requestResponse = "RequestResponse"
	event           = "Event"
	dryRun          = "DryRun"
)

// Handler serves the API.
type Handler struct{ calls *httpcall.Calls }

// New makes a handler.
func New(calls *httpcall.Calls) *Handler { return &Handler{calls} }

// Serve serves one request.
func (h *Handler) Serve(x *httpserver.Exchange) {
	rest, is := strings.CutPrefix(x.EscapedPath(), functions)
	name, ends := strings.CutSuffix(rest, invocations)
	name, err := url.PathUnescape(name)
	if !is || !ends || err != nil || strings.Contains(name, "/") {
		(&exception{http.StatusNotFound, "UnknownOperationException",
			"of the Lambda API only Invoke is served: POST " + functions + "{name}" + invocations}).write(x)
		return
	}
	if !x.Request.IsPost() {
		x.Set("Allow", http.MethodPost)
		(&exception{http.StatusMethodNotAllowed, "UnknownOperationException", "Invoke is a POST"}).write(x)
		return
	}
	in, bad := read(x, name)
	call := h.calls.Begin(x, in.function)
	defer call.End()
	x.Set("X-Amzn-Requestid", call.Job())
	if bad != nil {
		bad.write(x)
		return
	}
	h.invoke(call, in, x)
}

// An invocation is what the headers and the path of a request say.
type invocation struct {
	function, qualifier string
	kind                string // X-Amz-Invocation-Type
	tail                bool   // the end of the log is wanted
	client              string // client context
	id                  string // the same for each time that an SDK tries one call
}

func read(x *httpserver.Exchange, name string) (in invocation, bad *exception) {
	var ok bool
	if in.function, in.qualifier, ok = parse(name); !ok {
		return in, invalidParameter(fmt.Sprintf("%.140q is no function's name, nor an ARN of one", name))
	}
	if q := qualifier(x.Query()); q != "" {
		if in.qualifier != "" && in.qualifier != q {
			return in, invalidParameter(fmt.Sprintf("the name has the qualifier %.80q and Qualifier is %.80q; give one", in.qualifier, q))
		}
		in.qualifier = q
	}
	switch in.kind = x.Header("X-Amz-Invocation-Type"); in.kind {
	case "":
		in.kind = requestResponse
	case requestResponse, event, dryRun:
	default:
		return in, invalidParameter(fmt.Sprintf("X-Amz-Invocation-Type is %.40q; it may be %s, %s or %s", in.kind, requestResponse, event, dryRun))
	}
	switch log := x.Header("X-Amz-Log-Type"); log {
	case "", "None":
	case "Tail":
		in.tail = true
	default:
		return in, invalidParameter(fmt.Sprintf("X-Amz-Log-Type is %.40q; it may be None or Tail", log))
	}
	in.client = x.Header("X-Amz-Client-Context")
	if why := badClient(in.client); why != "" {
		return in, invalidContent(why)
	}
	if id := x.Header("Amz-Sdk-Invocation-Id"); len(id) <= maxID {
		in.id = id
	}
	return in, nil
}

// qualifier is the one that a query has; "" if it has none.
func qualifier(query string) string {
	if query == "" {
		return ""
	}
	q, _ := url.ParseQuery(query) // of what is malformed, the rest
	return q.Get("Qualifier")
}

// badClient says what is wrong with a client context, "" if nothing is.
func badClient(context string) string {
	if len(context) > maxClient {
		return fmt.Sprintf("the client context has %d bytes of base64; at most %d are passed on", len(context), maxClient)
	}
	b, err := base64.StdEncoding.DecodeString(context)
	if err != nil || len(b) > 0 && !json.Valid(b) {
		return "the client context must be a JSON object in base64"
	}
	return ""
}

func (h *Handler) invoke(call *httpcall.Call, in invocation, x *httpserver.Exchange) {
	if in.kind == event {
		p := httpcall.NotYet("use the invocation type " + requestResponse)
		(&exception{p.Status, "NotImplementedException", p.Title + ": " + p.Detail}).write(x)
		return
	}
	if bad := call.Prepare(in.qualifier); bad != nil {
		refuse(x, bad)
		return
	}
	told, bad := call.Told("")
	if bad != nil {
		refuse(x, bad)
		return
	}
	body, bad := call.Read(h.calls.MaxBody() + beyond)
	if bad != nil {
		refuse(x, bad)
		return
	}
	if len(body) == 0 {
		body = []byte("{}") // as AWS has it
	} else if !json.Valid(body) {
		invalidContent("the request's body is not JSON; an event must be, and none is {}").write(x)
		return
	}
	if in.kind == dryRun {
		x.Set("X-Amz-Executed-Version", version(call.Function.Version))
		x.Send(http.StatusNoContent, nil)
		return
	}
	answer, bad := call.Run(frontend.Request{ContentType: "application/json", Body: body, HTTP: told, Client: in.client, Log: in.tail}, in.id)
	if bad != nil {
		refuse(x, bad)
		return
	}
	x.Set("X-Amzn-Requestid", call.Job()) // of the call that this one repeats, if it does
	x.Set("X-Amz-Executed-Version", version(answer.Version))
	if in.tail {
		x.Set("X-Amz-Log-Result", tail(answer.LogTail))
	}
	write(call, answer, x)
}

// version is the name of a version: a number, or that of the only one there is.
func version(n uint32) string {
	if n == 0 {
		return frontend.Latest
	}
	return strconv.FormatUint(uint64(n), 10)
}

// tail is the end of a log as AWS gives it: the last 4 KiB, in base64.
func tail(log string) string {
	const most = 4 << 10
	return base64.StdEncoding.EncodeToString([]byte(log[max(0, len(log)-most):]))
}
