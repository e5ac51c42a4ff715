// Package native is faasd's own HTTP interface: POST /{function}, and what
// people and load balancers want to know of a frontend.
package native

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
)

// Handler serves the interface.
type Handler struct {
	calls   *httpcall.Calls
	gateway *frontend.Gateway
	metrics func(*httpserver.Exchange)
}

// New makes a handler in front of a gateway; metrics serves GET /metrics.
func New(calls *httpcall.Calls, g *frontend.Gateway, metrics func(*httpserver.Exchange)) *Handler {
	return &Handler{calls, g, metrics}
}

// Serve serves one request.
func (h *Handler) Serve(x *httpserver.Exchange) {
	if x.Path() == "" && !x.Request.IsConnect() { // http://host alone is http://host/: RFC 9110, 4.2.3
		h.one(x, "")
		return
	}
	if path.Clean(x.Path()) != x.Path() {
		httpcall.NoRoute(x)
		return
	}
	name, rest, deep := strings.Cut(x.EscapedPath()[1:], "/")
	switch {
	case !deep:
		h.one(x, unescaped(name))
	case name == "functions" && !strings.Contains(rest, "/"):
		h.get(x, func(x *httpserver.Exchange) { h.function(x, unescaped(rest)) })
	default:
		httpcall.NoRoute(x)
	}
}

// one serves a path of one part.
func (h *Handler) one(x *httpserver.Exchange, part string) {
	switch part {
	case "":
		h.get(x, welcome)
	case "healthz":
		h.get(x, func(x *httpserver.Exchange) { text(x, "ok\n") })
	case "readyz":
		h.get(x, h.ready)
	case "functions":
		h.get(x, h.functions)
	case "metrics":
		h.get(x, h.metrics)
	default:
		h.call(x, part)
	}
}

// unescaped is a part of a path as it was meant; what a path has in escapes is sound.
func unescaped(part string) string {
	if s, err := url.PathUnescape(part); err == nil {
		return s
	}
	return part
}

// get serves a request that asks for something.
func (h *Handler) get(x *httpserver.Exchange, serve func(*httpserver.Exchange)) {
	if !x.Request.IsGet() && !x.Request.IsHead() {
		httpcall.NotAllowed(x, "GET, HEAD")
		return
	}
	serve(x)
}

// call runs a function and answers with what it returned.
func (h *Handler) call(x *httpserver.Exchange, function string) {
	if !x.Request.IsPost() {
		if bad := h.missing(x, function); bad != nil { // whatever the method is
			bad.Write(x)
		} else {
			httpcall.NotAllowed(x, http.MethodPost)
		}
		return
	}
	call := h.calls.Begin(x, function)
	defer call.End()
	answer, bad := h.run(call, x)
	if bad != nil {
		call.Refuse(bad)
		return
	}
	call.Answer(answer)
}

func (h *Handler) run(call *httpcall.Call, x *httpserver.Exchange) (answer frontend.Answer, bad *httpcall.Problem) {
	if strings.Contains(x.Header("Prefer"), "respond-async") {
		return answer, httpcall.NotYet("send the request without Prefer: respond-async")
	}
	key := x.Header("Idempotency-Key")
	if len(key) > maxKey {
		return answer, &httpcall.Problem{Type: "bad-key", Status: http.StatusBadRequest, Title: "Unusable Idempotency-Key",
			Detail: fmt.Sprintf("its Idempotency-Key has %d bytes; at most %d are told apart: send a UUID", len(key), maxKey)}
	}
	if bad = call.Prepare(""); bad != nil {
		return answer, bad
	}
	told, bad := call.Told("")
	if bad != nil {
		return answer, bad
	}
	body, bad := call.Read(h.calls.MaxBody())
	if bad != nil {
		return answer, bad
	}
	return call.Run(frontend.Request{ContentType: x.ContentType(), Body: body, HTTP: told}, key)
}

// maxKey is the longest Idempotency-Key, in bytes.
const maxKey = 255

func welcome(x *httpserver.Exchange) {
	text(x, "faasd: POST /{function} calls a function, for example /echo; so do the AWS SDKs' Lambda Invoke and /function/{function}. "+
		"GET /functions lists functions; GET /healthz, /readyz and /metrics tell how this frontend is.\n")
}

func (h *Handler) ready(x *httpserver.Exchange) {
	ok, err := h.gateway.Ready(x.Context())
	if err != nil || !ok {
		(&httpcall.Problem{Type: "not-ready", Status: http.StatusServiceUnavailable, Title: "Not ready", RetryAfter: 1,
			Detail: "no broker takes requests from this frontend now"}).Write(x)
		return
	}
	text(x, "ready\n")
}

func (h *Handler) functions(x *httpserver.Exchange) {
	if list, ok := h.list(x); ok {
		httpcall.JSON(x, http.StatusOK, "application/json", list)
	}
}

func (h *Handler) function(x *httpserver.Exchange, name string) {
	list, ok := h.list(x)
	if !ok {
		return
	}
	for _, f := range list {
		if f.Name == name {
			httpcall.JSON(x, http.StatusOK, "application/json", f)
			return
		}
	}
	cmp.Or(h.missing(x, name), httpcall.Missing(frontend.UnknownFunction, name)).Write(x)
}

// missing is the answer for a function that cannot be called; nil for one that
// can, or of which this frontend does not know yet.
func (h *Handler) missing(x *httpserver.Exchange, name string) *httpcall.Problem {
	_, why, err := h.gateway.Resolve(x.Context(), name, "")
	if err != nil || why != frontend.UnknownFunction && why != frontend.NotUp {
		return nil
	}
	return httpcall.Missing(why, name)
}

func (h *Handler) list(x *httpserver.Exchange) ([]frontend.FunctionInfo, bool) {
	list, err := h.gateway.Functions(x.Context())
	if err != nil {
		httpcall.Stopping().Write(x)
	}
	return list, err == nil
}

func text(x *httpserver.Exchange, s string) {
	x.Set("Content-Type", "text/plain; charset=utf-8")
	x.Send(http.StatusOK, []byte(s))
}
