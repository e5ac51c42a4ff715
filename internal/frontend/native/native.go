// Package native is faasd's own HTTP interface: POST /{function}, and what
// people and load balancers want to know of a frontend.
package native

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
)

// Handler serves the interface.
type Handler struct {
	calls   *httpcall.Calls
	gateway *frontend.Gateway
	pages   map[string]http.HandlerFunc // by their paths
}

// New makes a handler in front of a gateway; metrics serves GET /metrics.
func New(calls *httpcall.Calls, g *frontend.Gateway, metrics http.Handler) *Handler {
	h := &Handler{calls: calls, gateway: g}
	h.pages = map[string]http.HandlerFunc{
		"/":          welcome,
		"/healthz":   func(w http.ResponseWriter, _ *http.Request) { text(w, "ok\n") },
		"/readyz":    h.ready,
		"/functions": h.functions,
		"/metrics":   metrics.ServeHTTP,
	}
	return h
}

// ServeHTTP serves one request. A path is what it is: nobody is sent on to one that
// looks like it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := h.pages[r.URL.Path]
	name, listed := strings.CutPrefix(r.URL.Path, "/functions/")
	switch {
	case page != nil:
	case listed && segment(name):
		page = func(w http.ResponseWriter, r *http.Request) { h.function(w, r, name) }
	case !segment(r.URL.Path[min(1, len(r.URL.Path)):]):
		httpcall.NoRoute(w, r)
		return
	case r.Method == http.MethodPost:
		h.call(w, r, r.URL.Path[1:])
		return
	default:
		httpcall.NotAllowed(w, http.MethodPost)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		httpcall.NotAllowed(w, "GET, HEAD")
		return
	}
	page(w, r)
}

// segment reports whether s is one segment of a path, and leads to no other.
func segment(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.Contains(s, "/")
}

// call runs a function and answers with what it returned.
func (h *Handler) call(w http.ResponseWriter, r *http.Request, function string) {
	call := h.calls.Begin(w, r, function)
	defer call.End()
	answer, bad := h.run(call, r)
	if bad != nil {
		bad.Write(w)
		return
	}
	call.Answer(answer)
}

func (h *Handler) run(call *httpcall.Call, r *http.Request) (answer frontend.Answer, bad *httpcall.Problem) {
	if strings.Contains(r.Header.Get("Prefer"), "respond-async") {
		return answer, httpcall.NotYet("send the request without Prefer: respond-async")
	}
	key := r.Header.Get("Idempotency-Key")
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
	return call.Run(frontend.Request{ContentType: r.Header.Get("Content-Type"), Body: body, HTTP: told}, key)
}

// maxKey is the longest Idempotency-Key, in bytes.
const maxKey = 255

func welcome(w http.ResponseWriter, _ *http.Request) {
	text(w, "faasd: POST /{function} calls a function, for example /echo; so do the AWS SDKs' Lambda Invoke and /function/{function}. "+
		"GET /functions lists functions; GET /healthz, /readyz and /metrics tell how this frontend is.\n")
}

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	ok, err := h.gateway.Ready(r.Context())
	if err != nil || !ok {
		(&httpcall.Problem{Type: "not-ready", Status: http.StatusServiceUnavailable, Title: "Not ready", RetryAfter: 1,
			Detail: "no broker takes requests from this frontend now"}).Write(w)
		return
	}
	text(w, "ready\n")
}

func (h *Handler) functions(w http.ResponseWriter, r *http.Request) {
	if list, ok := h.list(w, r.Context()); ok {
		httpcall.JSON(w, http.StatusOK, "application/json", list)
	}
}

func (h *Handler) function(w http.ResponseWriter, r *http.Request, name string) {
	list, ok := h.list(w, r.Context())
	if !ok {
		return
	}
	for _, f := range list {
		if f.Name == name {
			httpcall.JSON(w, http.StatusOK, "application/json", f)
			return
		}
	}
	httpcall.Unknown(name).Write(w)
}

func (h *Handler) list(w http.ResponseWriter, ctx context.Context) ([]frontend.FunctionInfo, bool) {
	list, err := h.gateway.Functions(ctx)
	if err != nil {
		httpcall.Stopping().Write(w)
	}
	return list, err == nil
}

func text(w http.ResponseWriter, s string) {
	httpcall.Text(w, http.StatusOK, "text/plain; charset=utf-8", s)
}
