// Package native is faasd's own HTTP interface: POST /{function}, and what
// people and load balancers want to know of a frontend.
package native

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/net/http/httpguts"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

// Config is what the interface promises.
type Config struct {
	MaxBody   int64         // bytes of a request's body, at most
	MaxBodies int64         // bytes of all large bodies held at a time
	Timeout   time.Duration // for a request, from its header to its answer; X-Timeout may shorten it
	Metrics   http.Handler  // GET /metrics
	Observe   func(status int, took time.Duration)
}

// Handler serves the interface.
type Handler struct {
	cfg     Config
	gateway *frontend.Gateway
	mux     *http.ServeMux
	bodies  bodies
}

// New makes a handler in front of a gateway.
func New(cfg Config, g *frontend.Gateway) *Handler {
	h := &Handler{cfg: cfg, gateway: g, mux: http.NewServeMux(), bodies: bodies{most: cfg.MaxBodies}}
	get := func(path string, serve http.HandlerFunc) {
		h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				notAllowed(w, "GET, HEAD")
				return
			}
			serve(w, r)
		})
	}
	get("/{$}", welcome)
	get("/healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	get("/readyz", h.ready)
	get("/functions", h.functions)
	get("/functions/{name}", h.function)
	get("/metrics", cfg.Metrics.ServeHTTP)
	h.mux.HandleFunc("/{function}", h.call)
	h.mux.HandleFunc("/", noRoute)
	return h
}

func noRoute(w http.ResponseWriter, r *http.Request) {
	problem{Type: "not-found", Status: http.StatusNotFound, Title: "No such route",
		Detail: fmt.Sprintf("nothing is served at %.200s; POST /{function} calls a function, GET / lists the routes", r.URL.Path)}.write(w)
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rec := recorder{ResponseWriter: w, status: http.StatusOK}
	body := &incoming{ReadCloser: r.Body, whole: r.ContentLength == 0}
	r = r.WithContext(r.Context()) // a copy: net/http goes by what the body of its own is
	r.Body = body
	if path.Clean(r.URL.Path) != r.URL.Path { // ServeMux would redirect
		noRoute(&rec, r)
	} else {
		h.mux.ServeHTTP(&rec, r)
	}
	h.cfg.Observe(rec.status, time.Since(began))
	if !body.whole {
		body.linger(w)
	}
}

// recorder remembers the status for the metrics.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// call runs a function and answers with what it returned.
func (h *Handler) call(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("function")
	if r.Method != http.MethodPost {
		notAllowed(w, http.MethodPost)
		return
	}
	id := ulid.MustNew(ulid.Now(), rand.Reader)
	w.Header().Set(headerJob, id.String())
	if strings.Contains(r.Header.Get("Prefer"), "respond-async") {
		problem{Type: "not-implemented", Status: http.StatusNotImplemented, Title: "Asynchronous calls are not there yet",
			Detail: "this release only answers synchronously; send the request without Prefer: respond-async"}.write(w)
		return
	}
	if n := len(r.Header.Get("Content-Type")); n > maxContentType {
		problem{Type: "content-type-too-long", Status: http.StatusBadRequest, Title: "Content-Type too long",
			Detail: fmt.Sprintf("its Content-Type has %d bytes; at most %d are passed on", n, maxContentType)}.write(w)
		return
	}
	timeout, bad := h.timeout(r)
	if bad != nil {
		bad.write(w)
		return
	}
	space, conn := &room{bodies: &h.bodies, function: name}, http.NewResponseController(w)
	defer space.release()
	u := upload{handler: h, request: r, room: space, timeout: timeout, deadline: time.Now().Add(timeout), conn: conn}
	body, bad := u.read()
	if bad != nil {
		bad.write(w)
		return
	}
	answer, refused, err := h.gateway.Call(r.Context(), frontend.Request{
		ID: id, Function: name, ContentType: r.Header.Get("Content-Type"), Body: body, Timeout: time.Until(u.deadline),
	})
	switch {
	case err != nil: // the client has gone; nobody reads this
		w.WriteHeader(statusClientGone)
	case refused.Why != frontend.Accepted:
		notAccepted(refused, name).write(w)
	default:
		respond(w, id, timeout, answer, &download{room: space, conn: conn})
	}
}

// The headers that every answer to a call carries. A job that no queue or no
// worker had has nobody there, which is no valid name.
const (
	headerJob     = "X-Faasd-Job"
	headerAttempt = "X-Faasd-Attempt"
	headerQueue   = "X-Faasd-Queue"
	headerWorker  = "X-Faasd-Worker"
	nobody        = "-"
)

// maxContentType is the longest Content-Type, in bytes, that is passed on whole:
// what internal/wire has room for.
const maxContentType = 16 << 10

// statusClientGone is nginx's number for it, used in the metrics alone.
const statusClientGone = 499

// timeout is the time that a request has: X-Timeout may shorten the default.
func (h *Handler) timeout(r *http.Request) (time.Duration, *problem) {
	v := r.Header.Get("X-Timeout")
	if v == "" {
		return h.cfg.Timeout, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, &problem{Type: "bad-timeout", Status: http.StatusBadRequest, Title: "Unusable X-Timeout",
			Detail: fmt.Sprintf("X-Timeout is %.40q; write a duration such as 500ms or 5s", v)}
	}
	return min(d, h.cfg.Timeout), nil
}

// respond writes a job's outcome.
func respond(w http.ResponseWriter, id ulid.ULID, timeout time.Duration, a frontend.Answer, d *download) {
	head := w.Header()
	head.Set(headerAttempt, strconv.Itoa(a.Attempt))
	head.Set(headerQueue, cmp.Or(a.Queue, nobody))
	head.Set(headerWorker, cmp.Or(a.Worker, nobody))
	status := http.StatusOK
	switch a.Code {
	case wire.CodeOK:
	case wire.CodeFunctionError:
		status = http.StatusInternalServerError
	default:
		failed(id, timeout, a).write(w)
		return
	}
	if a.ContentType != "" && httpguts.ValidHeaderFieldValue(a.ContentType) {
		head.Set("Content-Type", a.ContentType)
	} else {
		head["Content-Type"] = nil // none came; do not guess one
	}
	head.Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(status)
	d.write(w, a.Body)
}

func welcome(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, "faasd: POST /{function} calls a function, for example /echo; "+
		"GET /functions lists them; GET /healthz, /readyz and /metrics tell how this frontend is.\n")
}

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	ok, err := h.gateway.Ready(r.Context())
	if err != nil || !ok {
		problem{Type: "not-ready", Status: http.StatusServiceUnavailable, Title: "Not ready", retryAfter: 1,
			Detail: "no broker takes requests from this frontend now"}.write(w)
		return
	}
	text(w, http.StatusOK, "ready\n")
}

func (h *Handler) functions(w http.ResponseWriter, r *http.Request) {
	if list, ok := h.list(w, r.Context()); ok {
		writeJSON(w, http.StatusOK, "application/json", list)
	}
}

func (h *Handler) function(w http.ResponseWriter, r *http.Request) {
	list, ok := h.list(w, r.Context())
	if !ok {
		return
	}
	for _, f := range list {
		if f.Name == r.PathValue("name") {
			writeJSON(w, http.StatusOK, "application/json", f)
			return
		}
	}
	notAccepted(frontend.Refused{Why: frontend.UnknownFunction}, r.PathValue("name")).write(w)
}

func (h *Handler) list(w http.ResponseWriter, ctx context.Context) ([]frontend.FunctionInfo, bool) {
	list, err := h.gateway.Functions(ctx)
	if err != nil {
		notAccepted(frontend.Refused{Why: frontend.Stopping}, "").write(w)
	}
	return list, err == nil
}

func text(w http.ResponseWriter, status int, s string) {
	write(w, status, "text/plain; charset=utf-8", []byte(s))
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("native: answers are plain data: " + err.Error())
	}
	write(w, status, contentType, append(b, '\n'))
}

// write writes an answer of known length: a client knows where it ends, whether
// or not the connection does.
func write(w http.ResponseWriter, status int, contentType string, b []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone is its own loss
}
