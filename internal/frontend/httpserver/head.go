package httpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http/httpguts"
)

// What a request's head may have, in bytes. A connection holds as much as the
// smaller says, and the larger while a request needs it.
const (
	smallHead = 4 << 10
	maxHead   = 64 << 10
)

// A refusal is why a request cannot be served: it is none, or one that another
// server, before this one or behind it, could take for something else.
type refusal struct {
	status int
	why    string
}

// Error says why.
func (r *refusal) Error() string { return r.why }

var (
	errTooLarge = &refusal{http.StatusRequestHeaderFieldsTooLarge, "the request's head has more than 64 KiB; send fewer or shorter headers"}
	errLine     = bad("a line of the request's head does not end in CR LF")
	errFold     = bad("a header goes on in the next line, which is no longer allowed (RFC 9112, 5.2)")
	errName     = bad("a line of the request's head has no header's name, or white space in it")
	errFraming  = bad("the request does not say clearly where its body ends: it may have one Content-Length, or Transfer-Encoding: chunked")
	errCoding   = &refusal{http.StatusNotImplemented, "of the transfer codings only chunked is known"}
	errSyntax   = bad("the request's first line or one of its headers is malformed, or it has no Host")
	errHost     = bad("the request's Host is malformed")
	errTarget   = bad("the request's target is malformed")
	errVersion  = &refusal{http.StatusHTTPVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here"}
	errExpect   = &refusal{http.StatusExpectationFailed, "of what a client may expect only 100-continue is known"}
)

func bad(why string) *refusal { return &refusal{http.StatusBadRequest, why} }

// readHead reads the next request up to its body. The error is a *refusal if there
// is somebody to tell.
func (c *conn) readHead() error {
	var h lines
	for timed := false; ; {
		b, _ := c.r.Peek(c.r.Buffered())
		whole, why := h.scan(b)
		switch {
		case why != nil:
			return why
		case whole:
			return c.x.begin(&h)
		case len(b) == maxHead:
			return errTooLarge
		case len(b) == c.r.Size():
			c.grow()
		}
		if !timed && c.served { // the first request's time began with the connection
			timed = true
			c.readWithin(HeadWithin, 0)
		}
		if _, err := c.r.Peek(len(b) + 1); err != nil {
			return err
		}
	}
}

// grow gives the connection a reader that a large head has room in.
func (c *conn) grow() {
	small := c.r
	b, _ := small.Peek(small.Buffered())
	c.r = largeReaders.Get().(*bufio.Reader)
	c.r.Reset(io.MultiReader(bytes.NewReader(bytes.Clone(b)), c.rw))
	small.Reset(nil)
	readers.Put(small)
}

// shrink takes away what a large head has needed, once that has been read.
func (c *conn) shrink() {
	if c.r.Size() == smallHead || c.r.Buffered() > 0 {
		return
	}
	c.r.Reset(nil)
	largeReaders.Put(c.r)
	c.r = readers.Get().(*bufio.Reader)
	c.r.Reset(c.rw)
	c.x.Request = fasthttp.RequestHeader{}
	c.target, c.host, c.contentType = last{}, last{}, last{}
}

// lines are those of a head as it comes in. fasthttp takes more for a head than
// this server will: lines that end in LF alone or go on in the next, blanks in
// names, and transfer codings that are none.
type lines struct {
	seen         int // bytes of whole lines
	looked       int // bytes that have been looked through for the end of a line
	sized, coded int // lines that are a Content-Length, a Transfer-Encoding,
	typed        int // a Content-Type
}

// scan goes on in a head that has come so far; true if it is whole.
func (h *lines) scan(b []byte) (whole bool, why error) {
	for {
		n := bytes.IndexByte(b[h.looked:], '\n')
		if n < 0 {
			h.looked = len(b)
			return false, nil
		}
		h.looked += n + 1
		line, ends := bytes.CutSuffix(b[h.seen:h.looked], []byte("\r\n"))
		if !ends {
			return false, errLine
		}
		switch {
		case h.seen == 0 && len(line) == 0:
			return false, errSyntax
		case h.seen == 0: // the first says what is asked for
		case len(line) == 0:
			return true, nil
		case line[0] == ' ' || line[0] == '\t':
			return false, errFold
		default:
			if why := h.header(line); why != nil {
				return false, why
			}
		}
		h.seen = h.looked
	}
}

func (h *lines) header(line []byte) error {
	n := bytes.IndexByte(line, ':')
	if n <= 0 || bytes.IndexByte(line[:n], ' ') >= 0 {
		return errName
	}
	switch name, value := line[:n], line[n+1:]; {
	case n == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
		h.sized++
	case n == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")):
		h.coded++
		if h.coded > 1 || !bytes.EqualFold(textproto.TrimBytes(value), []byte("chunked")) {
			return errCoding
		}
	case n == len("Content-Type") && bytes.EqualFold(name, []byte("Content-Type")):
		h.typed++
	}
	if h.sized+h.coded > 1 {
		return errFraming
	}
	return nil
}

// begin makes the exchange that of the request whose head is the next in the reader.
func (x *Exchange) begin(h *lines) error {
	if err := x.Request.Read(x.conn.r); err != nil {
		return errSyntax
	}
	x.reset()
	switch protocol := x.Request.Protocol(); {
	case string(protocol) == "HTTP/1.0":
		x.old = true
	case string(protocol) != "HTTP/1.1":
		return errVersion
	}
	x.host = x.conn.host.of(x.Request.Host())
	if !httpguts.ValidHostHeader(x.host) {
		return errHost
	}
	if err := x.aim(x.Request.RequestURI()); err != nil {
		return errTarget
	}
	x.contentType = x.conn.contentType.of(x.Request.ContentType())
	if h.typed > 1 { // of which fasthttp has the last
		x.contentType = x.first("Content-Type")
	}
	x.body.begin(h.coded > 0, h.sized > 0, int64(x.Request.ContentLength()))
	if e := x.Request.Peek("Expect"); len(e) > 0 && !x.old {
		if !httpguts.HeaderValuesContainsToken([]string{string(e)}, "100-continue") {
			return errExpect
		}
		x.body.asked = x.body.whole
	}
	return nil
}

// refuse says why a request is not served, if there is anybody to tell, and lets
// the client read that.
func (c *conn) refuse(why error) {
	var r *refusal
	if !errors.As(why, &r) {
		return // the client has gone, or was too slow
	}
	x := &c.x
	x.Request.Reset()
	x.reset()
	x.body.whole, x.close = true, true
	c.server.cfg.Refuse(x, r.status, r.why)
	if x.answered && !x.broken {
		c.linger(refusedFor)
	}
}
