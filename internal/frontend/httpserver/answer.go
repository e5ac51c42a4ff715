package httpserver

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// copied is the size up to which a piece of an answer is put behind the head: one
	// buffer is cheaper to write than two.
	copied = 2 << 10
	// smallAnswer is the size up to which an answer is written at once, in bytes.
	smallAnswer = 64 << 10
	// pieceOf is what an answer that is larger is written in, each in WriteWithin.
	pieceOf = 256 << 10
)

// A field is a header of an answer.
type field struct{ name, value string }

// heads are buffers for heads of answers.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// Set gives the answer a header, in place of one that it has of that name, which
// is written as it is here.
func (x *Exchange) Set(name, value string) {
	for i := range x.fields {
		if x.fields[i].name == name {
			x.fields[i].value = value
			return
		}
	}
	x.fields = append(x.fields, field{name, value})
}

// CloseAfter has the connection end behind the answer.
func (x *Exchange) CloseAfter() { x.close = true }

// Leave ends the exchange without an answer, since there is nobody to read one.
func (x *Exchange) Leave(status int) { x.status, x.at = status, time.Now() }

// Answered returns what was answered, and when; 0 if nothing was.
func (x *Exchange) Answered() (status int, at time.Time) { return x.status, x.at }

// Send answers with a body. A client may take as long for it as it likes if it gets
// on.
func (x *Exchange) Send(status int, body []byte) {
	x.Start(status, len(body))
	if len(body) <= smallAnswer {
		if by := x.at.Add(WriteWithin); by.Sub(x.conn.writeBy) > slack {
			x.SetWriteDeadline(by)
		}
		_ = x.Write(body) // a client that has gone is its own loss
		return
	}
	for len(body) > 0 {
		x.SetWriteDeadline(time.Now().Add(WriteWithin))
		n := min(len(body), pieceOf)
		if x.Write(body[:n]) != nil {
			return
		}
		body = body[n:]
	}
}

// Start begins an answer whose body has that length. What of the request's body
// the handler has not read is read first, if that is little and comes soon. The
// head goes out with the first Write.
func (x *Exchange) Start(status, length int) {
	x.answered = true
	if !x.body.whole && !x.close {
		x.rest()
	}
	x.close = x.close || !x.body.whole || x.conn.server.draining.Load()
	x.status, x.at, x.owed = status, time.Now(), length
	if x.Request.IsHead() || status == http.StatusNoContent {
		x.owed = 0
	}
	x.head = heads.Get().(*[]byte)
	*x.head = x.appendHead((*x.head)[:0], length)
}

// Write sends a piece of the answer's body, if that is one to have a body. All
// that Start has been told of must be written, or the connection ends.
func (x *Exchange) Write(piece []byte) (err error) {
	piece = piece[:min(len(piece), x.owed)]
	if len(piece) < x.owed {
		x.conn.state.Store(writing)
	}
	switch rw := x.conn.rw; {
	case x.head == nil && len(piece) > 0:
		_, err = rw.Write(piece)
		x.at = time.Now()
	case x.head != nil && len(piece) <= copied:
		*x.head = append(*x.head, piece...)
		_, err = rw.Write(*x.head)
	case x.head != nil:
		x.pieces = [...][]byte{*x.head, piece}
		x.both = x.pieces[:]
		_, err = x.both.WriteTo(rw)
		x.pieces, x.both = [2][]byte{}, nil
	}
	if x.head != nil {
		heads.Put(x.head)
		x.head = nil
	}
	x.owed -= len(piece)
	x.broken = x.broken || err != nil
	return err
}

// SetWriteDeadline sets until when what is written has to have been taken.
func (x *Exchange) SetWriteDeadline(by time.Time) { x.conn.setWriteBy(by) }

// appendHead appends the answer's head.
func (x *Exchange) appendHead(b []byte, length int) []byte {
	b = append(b, "HTTP/1."...)
	if x.old {
		b = append(b, "0 "...)
	} else {
		b = append(b, "1 "...)
	}
	b = strconv.AppendInt(b, int64(x.status), 10)
	b = append(append(b, ' '), http.StatusText(x.status)...)
	for _, f := range x.fields {
		b = appendField(b, f.name, f.value)
	}
	b = appendField(b, "Date", dateAt(x.at))
	if x.status != http.StatusNoContent {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(length), 10)
	}
	switch {
	case x.close && !x.old: // an older client takes it for granted
		b = append(b, "\r\nConnection: close"...)
	case !x.close && x.old:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	return append(b, "\r\n\r\n"...)
}

// oneLine has a value from outside end no header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func appendField(b []byte, name, value string) []byte {
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		value = textproto.TrimString(oneLine.Replace(value))
	}
	b = append(append(b, "\r\n"...), name...)
	return append(append(b, ": "...), value...)
}

// A date is a second as HTTP writes it.
type date struct {
	second int64
	text   string
}

var dated atomic.Pointer[date]

// dateAt is the date of an answer.
func dateAt(t time.Time) string {
	d := dated.Load()
	if d == nil || d.second != t.Unix() {
		d = &date{t.Unix(), t.UTC().Format(http.TimeFormat)}
		dated.Store(d)
	}
	return d.text
}
