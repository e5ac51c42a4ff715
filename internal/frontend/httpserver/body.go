package httpserver

import (
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"time"
)

const (
	// RestFor is how long an answer is held back for a small rest of the request's
	// body, behind which the connection can go on.
	RestFor = time.Second
	// smallRest is the largest such rest, in bytes.
	smallRest = 256 << 10
	// maxTrailers is the most that may stand behind a body in chunks, in bytes.
	maxTrailers = smallHead
	// refusedFor is how long the client of what is no request may send on.
	refusedFor = time.Second
)

// A body is that of a request on its way in.
type body struct {
	whole  bool      // it was read to its end
	asked  bool      // its client does not wait to be told to go on
	failed error     // nothing more can be read
	left   int64     // bytes, if chunks is nil
	chunks io.Reader // nil: its length is known
}

// begin begins a body in chunks, or of that length if it has one, or none.
func (b *body) begin(chunked, sized bool, length int64) {
	*b = body{asked: true, whole: !chunked && (!sized || length == 0), left: length}
	if b.whole {
		b.left = 0
	}
	if chunked {
		b.left = -1
	}
}

// BodyLength is what is left of the request's body, in bytes; -1 if the client has
// not said how long it is.
func (x *Exchange) BodyLength() int64 { return x.body.left }

// Waiting is how much of the body has come already and can be read at once; 0 if
// that is not known.
func (x *Exchange) Waiting() int {
	if !x.body.asked || x.body.left < 0 {
		return 0
	}
	return int(min(x.body.left, int64(x.conn.r.Buffered())))
}

// Read reads from the request's body. A client that waits to be told to send it is
// told so first.
func (x *Exchange) Read(p []byte) (n int, err error) {
	b, c := &x.body, x.conn
	switch {
	case b.whole:
		return 0, io.EOF
	case b.failed != nil:
		return 0, b.failed
	case !b.asked:
		b.asked = true
		x.goOn()
	}
	if b.left >= 0 {
		n, err = c.r.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		b.whole = b.left == 0
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	} else {
		if b.chunks == nil {
			b.chunks = httputil.NewChunkedReader(c.r)
		}
		n, err = b.chunks.Read(p)
		if err == io.EOF {
			err = x.trailers()
			b.whole = err == io.EOF
		}
	}
	switch {
	case b.whole && c.bound: // what it might take is over: for the answer, and for what else comes
		x.SetReadDeadline(time.Time{})
	case err != nil && err != io.EOF:
		b.failed, x.close = err, true
	}
	return n, err
}

// goOn tells the client to send its body.
func (x *Exchange) goOn() {
	x.conn.setWriteBy(time.Now().Add(WriteWithin))
	_, err := x.conn.rw.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	x.broken = err != nil
}

var errTrailers = errors.New("what stands behind the last chunk is malformed or too long")

// trailers reads what stands behind the last chunk, in which nobody is interested.
func (x *Exchange) trailers() error {
	for left := maxTrailers; left > 0; {
		line, err := x.conn.r.ReadSlice('\n')
		left -= len(line)
		switch {
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case string(line) == "\r\n":
			return io.EOF
		case !bytes.HasSuffix(line, []byte("\r\n")) || bytes.IndexByte(line, ':') <= 0:
			return errTrailers
		}
	}
	return errTrailers
}

// SetReadDeadline sets until when more of the body must come. It is taken back
// when the body has ended.
func (x *Exchange) SetReadDeadline(by time.Time) {
	x.conn.bound = !by.IsZero()
	x.conn.setReadBy(by)
}

// rest reads what the handler has left of the body, if that is little and comes
// soon; else the connection ends behind the answer.
func (x *Exchange) rest() {
	b := &x.body
	if !b.asked || b.failed != nil || b.left > smallRest {
		x.close = true
		return
	}
	began := time.Now()
	x.SetReadDeadline(began.Add(RestFor))
	_, _ = io.CopyN(io.Discard, x, smallRest)
	x.rested = time.Since(began)
	x.close = x.close || !b.whole
}
