// Package openfaas is the routes of the OpenFaaS gateway by which functions are
// called, as aliases: what there is to know of them is in package httpcall.
package openfaas

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
)

// What the paths of the routes begin with.
const (
	Prefix      = "/function/"
	AsyncPrefix = "/async-function/"
)

// headerCallID names a call, for the caller and for the function.
const headerCallID = "X-Call-Id"

// maxCallID is the longest X-Call-Id that is echoed, in bytes.
const maxCallID = 256

// Handler serves the routes.
type Handler struct{ calls *httpcall.Calls }

// New makes a handler.
func New(calls *httpcall.Calls) *Handler { return &Handler{calls} }

// Serve serves one request, of any method.
func (h *Handler) Serve(x *httpserver.Exchange) {
	async := strings.HasPrefix(x.Path(), AsyncPrefix)
	path := strings.TrimPrefix(strings.TrimPrefix(x.EscapedPath(), Prefix), AsyncPrefix)
	name, rest := path, ""
	if i := strings.IndexByte(path, '/'); i >= 0 {
		name, rest = path[:i], path[i:]
	}
	name, err := url.PathUnescape(name)
	if err != nil || name == "" {
		httpcall.NoRoute(x)
		return
	}
	call := h.calls.Begin(x, name)
	defer call.End()
	id := x.Header(headerCallID)
	if id == "" || len(id) > maxCallID {
		id = call.Job()
	}
	x.Set(headerCallID, id)
	x.Set("X-Function-Name", name)
	if async {
		call.Refuse(httpcall.NotYet("use " + Prefix + name))
		return
	}
	answer, bad := h.run(call, x, rest, id)
	x.Set("X-Duration-Seconds", strconv.FormatFloat(time.Since(x.Began()).Seconds(), 'f', 6, 64))
	if bad != nil {
		call.Refuse(bad)
		return
	}
	call.Answer(answer)
}

func (h *Handler) run(call *httpcall.Call, x *httpserver.Exchange, rest, id string) (answer frontend.Answer, bad *httpcall.Problem) {
	if bad = call.Prepare(""); bad != nil {
		return answer, bad
	}
	told, bad := call.Told(rest, httpcall.Header{Name: headerCallID, Value: id})
	if bad != nil {
		return answer, bad
	}
	body, bad := call.Read(h.calls.MaxBody())
	if bad != nil {
		return answer, bad
	}
	return call.Run(frontend.Request{ContentType: x.ContentType(), Body: body, HTTP: told}, "")
}
