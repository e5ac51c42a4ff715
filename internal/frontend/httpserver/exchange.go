package httpserver

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// An Exchange is one request and its answer. It is its handler's, until that
// returns.
type Exchange struct {
	Request fasthttp.RequestHeader // as it came; all that it returns is gone when the handler returns

	conn        *conn
	began       time.Time
	host        string
	path        string // decoded
	escaped     string // as it came
	query       string
	contentType string
	old         bool // HTTP/1.0
	body        body

	fields   []field // of the answer
	status   int
	answered bool
	at       time.Time // when the last of it was written
	head     *[]byte   // of the answer; nil once it is sent
	owed     int       // bytes of the answer's body that are still to be sent
	pieces   [2][]byte // what goes out in one system call
	both     net.Buffers
	broken   bool          // the answer cannot be sent
	rested   time.Duration // that the answer has waited for the body
	close    bool          // the connection ends behind the answer
}

// reset makes the exchange a new one that has begun now.
func (x *Exchange) reset() {
	x.forget()
	x.began, x.old = time.Now(), false
	x.status, x.answered, x.owed, x.broken, x.rested, x.close = 0, false, 0, false, 0, x.Request.ConnectionClose()
}

// forget lets go of what the exchange had, so that a connection that waits for
// the next does not hold it.
func (x *Exchange) forget() {
	x.host, x.path, x.escaped, x.query, x.contentType, x.body = "", "", "", "", "", body{}
	clear(x.fields)
	x.fields = x.fields[:0]
}

// aim finds out what the request is for.
func (x *Exchange) aim(target []byte) error {
	t := x.conn.target.of(target)
	if plain(t) {
		x.path, x.query, _ = strings.Cut(t, "?")
		x.escaped = x.path
		return nil
	}
	if x.Request.IsConnect() && t[0] != '/' {
		t = "http://" + t // it is a host and its port
	}
	u, err := url.ParseRequestURI(t)
	if err != nil {
		return err
	}
	x.path, x.escaped, x.query = u.Path, u.EscapedPath(), u.RawQuery
	if u.Host != "" { // RFC 9112, 3.2.2
		x.host = u.Host
	}
	return nil
}

// plain reports whether a target is a path and a query in which nothing is, or has
// to be, escaped.
func plain(target string) bool {
	if target[0] != '/' {
		return false
	}
	for i := range len(target) {
		switch c := target[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '?':
			return true // a query is as it is
		case strings.IndexByte("/-_.~!$&'()*+,;=:@", c) < 0:
			return false
		}
	}
	return true
}

// asksForNothing reports whether the request is the one for the server itself.
func (x *Exchange) asksForNothing() bool { return x.path == "*" && x.Request.IsOptions() }

// Context ends with the connection and, while it is watched, when the client goes
// away.
func (x *Exchange) Context() context.Context { return x.conn.ctx }

// Began is when the request's head was there.
func (x *Exchange) Began() time.Time { return x.began }

// Host is who the request is for.
func (x *Exchange) Host() string { return x.host }

// Path is the request's path, decoded.
func (x *Exchange) Path() string { return x.path }

// EscapedPath is the path as it came.
func (x *Exchange) EscapedPath() string { return x.escaped }

// Query is what stands behind the path, as it came.
func (x *Exchange) Query() string { return x.query }

// Header is the first value of a header of the request; "" if it has none.
func (x *Exchange) Header(name string) string { return string(x.Request.Peek(name)) }

// ContentType is that of the request's body; "" if it has none.
func (x *Exchange) ContentType() string { return x.contentType }

// first is the first value of a header that has several.
func (x *Exchange) first(name string) string {
	for n, value := range x.Request.AllInOrder() {
		if string(n) == name {
			return string(value)
		}
	}
	return ""
}
