package wire

import (
	"encoding/binary"
	"fmt"
)

// Meta stands behind the header, in the same frame: the function's name and
// what else is known of a job or its result, as text.
//
//	u8 length, function name
//	then any number of: u8 field, u16 length, value
//
// A field that the reader does not know is skipped.
type Meta struct {
	Function    string // at most 64 bytes
	ContentType string // of the body, as the client or the function gave it
	Queue       string // RESULT: the queue that served the job
	Worker      string // RESULT: the worker that ran it
	Reason      string // why a job failed or a link ended, for people
	Target      string // MOVE: the incarnation of the queue that asked for the job, as text
	ErrorType   string // RESULT: what kind of error it is, as Lambda names it
	LogTail     string // RESULT: the end of what the function printed, if it was asked for
	Client      string // JOB: the Lambda client context, base64
	Request     string // JOB: the HTTP request that it came by, as JSON, if its kind of function is told
	Trace       string // JOB: W3C traceparent
}

const (
	fieldContentType = 1 + iota
	fieldQueue
	fieldWorker
	fieldReason
	fieldTarget
	fieldErrorType
	fieldLogTail
	fieldClient
	fieldRequest
	fieldTrace
	lastField = fieldTrace
)

// maxField bounds a value; longer ones are cut when written. HTTP servers
// bound the headers that these come from well below it.
const maxField = 16 << 10

// value is where the value of a field is; nil of one that is not known.
func (m *Meta) value(field byte) *string {
	switch field {
	case fieldContentType:
		return &m.ContentType
	case fieldQueue:
		return &m.Queue
	case fieldWorker:
		return &m.Worker
	case fieldReason:
		return &m.Reason
	case fieldTarget:
		return &m.Target
	case fieldErrorType:
		return &m.ErrorType
	case fieldLogTail:
		return &m.LogTail
	case fieldClient:
		return &m.Client
	case fieldRequest:
		return &m.Request
	case fieldTrace:
		return &m.Trace
	}
	return nil
}

func (m *Meta) size() int {
	n := 1 + len(m.Function)
	for field := byte(1); field <= lastField; field++ {
		if v := *m.value(field); v != "" {
			n += 3 + min(len(v), maxField)
		}
	}
	return n
}

func (m *Meta) append(b []byte) []byte {
	name := m.Function[:min(len(m.Function), 255)]
	b = append(b, byte(len(name)))
	b = append(b, name...)
	for field := byte(1); field <= lastField; field++ {
		v := *m.value(field)
		if v == "" {
			continue
		}
		v = v[:min(len(v), maxField)]
		b = append(b, field)
		b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
	}
	return b
}

// sharedMeta is the size in bytes of an encoded Meta up to which its values share
// one string, which lives as long as any of them.
const sharedMeta = 512

func (m *Meta) decode(b []byte) error {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return fmt.Errorf("%w: meta of %d bytes is cut short", ErrMalformed, len(b))
	}
	text := func(from, to int) string { return string(b[from:to]) }
	if len(b) <= sharedMeta {
		all := string(b)
		text = func(from, to int) string { return all[from:to] }
	}
	at := 1 + int(b[0])
	m.Function = text(1, at)
	for at < len(b) {
		if len(b)-at < 3 {
			return fmt.Errorf("%w: meta field is cut short", ErrMalformed)
		}
		field, n := b[at], int(binary.BigEndian.Uint16(b[at+1:]))
		if at += 3; len(b)-at < n {
			return fmt.Errorf("%w: meta field %d has %d bytes, want %d", ErrMalformed, field, len(b)-at, n)
		}
		if v := m.value(field); v != nil {
			*v = text(at, at+n)
		}
		at += n
	}
	return nil
}
