// Package openfaas is the routes of the OpenFaaS gateway by which functions are
// called, as aliases: what there is to know of them is in package httpcall.
package openfaas

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
)

// What the paths of the routes begin with.
const (
	Prefix      = "/function/"
	AsyncPrefix = "/async-function/"
)

// maxCallID is the longest X-Call-Id that is echoed, in bytes.
const maxCallID = 256

// Handler serves the routes.
type Handler struct{ calls *httpcall.Calls }

// New makes a handler.
func New(calls *httpcall.Calls) *Handler { return &Handler{calls} }

// ServeHTTP serves one request, of any method.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	async := strings.HasPrefix(r.URL.Path, AsyncPrefix)
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), Prefix), AsyncPrefix)
	name, rest := path, ""
	if i := strings.IndexByte(path, '/'); i >= 0 {
		name, rest = path[:i], path[i:]
	}
	name, err := url.PathUnescape(name)
	if err != nil || name == "" {
		httpcall.NoRoute(w, r)
		return
	}
	call := h.calls.Begin(w, r, name)
	defer call.End()
	id := r.Header.Get("X-Call-Id")
	if id == "" || len(id) > maxCallID {
		id = call.Job()
		r.Header.Set("X-Call-Id", id) // for the function
	}
	w.Header().Set("X-Call-Id", id)
	w.Header().Set("X-Function-Name", name)
	if async {
		httpcall.NotYet("use " + Prefix + name).Write(w)
		return
	}
	answer, bad := h.run(call, r, rest)
	w.Header().Set("X-Duration-Seconds", strconv.FormatFloat(time.Since(call.Began()).Seconds(), 'f', 6, 64))
	if bad != nil {
		bad.Write(w)
		return
	}
	call.Answer(answer)
}

func (h *Handler) run(call *httpcall.Call, r *http.Request, rest string) (answer frontend.Answer, bad *httpcall.Problem) {
	if bad = call.Prepare(""); bad != nil {
		return answer, bad
	}
	told, bad := call.Told(rest)
	if bad != nil {
		return answer, bad
	}
	body, bad := call.Read(h.calls.MaxBody())
	if bad != nil {
		return answer, bad
	}
	return call.Run(frontend.Request{ContentType: r.Header.Get("Content-Type"), Body: body, HTTP: told}, "")
}
