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
)

// maxField bounds a value; longer ones are cut when written. HTTP servers
// bound the headers that these come from well below it.
const maxField = 16 << 10

func (m *Meta) fields() [10]struct {
	id    byte
	value *string
} {
	return [10]struct {
		id    byte
		value *string
	}{
		{fieldContentType, &m.ContentType}, {fieldQueue, &m.Queue}, {fieldWorker, &m.Worker},
		{fieldReason, &m.Reason}, {fieldTarget, &m.Target},
		{fieldErrorType, &m.ErrorType}, {fieldLogTail, &m.LogTail},
		{fieldClient, &m.Client}, {fieldRequest, &m.Request}, {fieldTrace, &m.Trace},
	}
}

func (m *Meta) size() int {
	n := 1 + len(m.Function)
	for _, f := range m.fields() {
		if *f.value != "" {
			n += 3 + min(len(*f.value), maxField)
		}
	}
	return n
}

func (m *Meta) append(b []byte) []byte {
	name := m.Function[:min(len(m.Function), 255)]
	b = append(b, byte(len(name)))
	b = append(b, name...)
	for _, f := range m.fields() {
		if *f.value == "" {
			continue
		}
		v := (*f.value)[:min(len(*f.value), maxField)]
		b = append(b, f.id)
		b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
	}
	return b
}

func (m *Meta) decode(b []byte) error {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return fmt.Errorf("%w: meta of %d bytes is cut short", ErrMalformed, len(b))
	}
	m.Function = string(b[1 : 1+int(b[0])])
	b = b[1+int(b[0]):]
	for len(b) > 0 {
		if len(b) < 3 {
			return fmt.Errorf("%w: meta field is cut short", ErrMalformed)
		}
		id, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
		if len(b) < 3+n {
			return fmt.Errorf("%w: meta field %d has %d bytes, want %d", ErrMalformed, id, len(b)-3, n)
		}
		v := b[3 : 3+n]
		for _, f := range m.fields() {
			if f.id == id {
				*f.value = string(v)
			}
		}
		b = b[3+n:]
	}
	return nil
}
