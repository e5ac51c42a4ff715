package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"faasd/internal/function"
)

// What answers carry besides their bodies.
const (
	jsonType        = "application/json"
	errorTypeHeader = "Lambda-Runtime-Function-Error-Type"
	errorBodyHeader = "Lambda-Runtime-Function-Error-Body" // a trailer, base64
)

// Bounds of what a process says of its failed start, in bytes.
const (
	maxReported = 1 << 20
	maxMessage  = 4 << 10 // what callers are told
)

// tooLong says that an answer is longer than it may be.
type tooLong struct{ most int64 }

func (e *tooLong) Error() string {
	return fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", e.most)
}

// expect sends the go-ahead that some clients wait for before a body, once the
// request is known to be wanted.
func (k *conn) expect(req *http.Request) *http.Request {
	if req.Header.Get("Expect") == "100-continue" && req.ContentLength != 0 {
		req.Body = &awaited{ReadCloser: req.Body, conn: k}
	}
	return req
}

// awaited is a body that comes once it is asked for.
type awaited struct {
	io.ReadCloser
	conn  *conn
	asked bool
}

func (a *awaited) Read(b []byte) (int, error) {
	if !a.asked {
		a.asked = true
		if _, err := io.WriteString(a.conn.net, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	return a.ReadCloser.Read(b)
}

// readBody reads a body of at most so many bytes.
func readBody(req *http.Request, most int64) ([]byte, error) {
	if req.ContentLength > most {
		return nil, &tooLong{most}
	}
	if n := req.ContentLength; n >= 0 {
		body := make([]byte, n)
		_, err := io.ReadFull(req.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = &tooLong{most}
	}
	return body, err
}

// readResponse reads what a function returned. A streamed answer may turn into
// an error at its end, by its trailers.
func readResponse(req *http.Request, most int64) (function.Result, error) {
	body, err := readBody(req, most)
	if err != nil {
		return function.Result{}, err
	}
	if kind := req.Trailer.Get(errorTypeHeader); kind != "" {
		text, err := base64.StdEncoding.DecodeString(req.Trailer.Get(errorBodyHeader))
		if err != nil {
			text = nil
		}
		return function.Result{}, newError(kind, text)
	}
	return function.Result{ContentType: contentType(req), Body: body}, nil
}

// readError reads a function's own error.
func readError(req *http.Request, most int64) (function.Result, error) {
	body, err := readBody(req, most)
	if err != nil {
		return function.Result{}, err
	}
	own := newError(req.Header.Get(errorTypeHeader), body)
	own.ContentType = contentType(req)
	return function.Result{}, own
}

func contentType(req *http.Request) string {
	if kind := req.Header.Get("Content-Type"); kind != "" {
		return kind
	}
	return jsonType
}

// newError is a function's own error with that body; without one it gets the
// least that callers of Lambda expect.
func newError(kind string, body []byte) *function.Error {
	if kind == "" {
		var said reported
		_ = json.Unmarshal(body, &said) // what is no JSON has no type
		kind = said.Type
	}
	if len(body) == 0 {
		body, _ = json.Marshal(reported{Type: kind}) // strings never fail
	}
	return &function.Error{Type: kind, Result: function.Result{ContentType: jsonType, Body: body}}
}

// reported is an error in Lambda's form, without its stack trace.
type reported struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// readReported reads what a process says of its failed start, in whatever form.
func readReported(req *http.Request) (said reported, err error) {
	body, err := readBody(req, maxReported)
	if err != nil {
		return said, err
	}
	if json.Unmarshal(body, &said) != nil || said == (reported{}) {
		said.Message = string(body)
	}
	if kind := req.Header.Get(errorTypeHeader); kind != "" {
		said.Type = kind
	}
	return said, nil
}

// failure is what callers are told of it.
func (r reported) failure() *function.Failure {
	if r.Type == "" {
		r.Type = function.TypeInit
	}
	if r.Message == "" {
		r.Message = "the function reported that its start failed, and not why"
	}
	return function.Failed(r.Type, "%.*s", maxMessage, r.Message)
}
