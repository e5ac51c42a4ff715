package wire

import (
	"bytes"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// The plain-text messages: what a worker says over a REQ socket, to the
// broker's ROUTER (PLACE) and to a queue's (the rest). They have no header, so
// that a worker in any language with a ZeroMQ binding is a few lines. The
// empty frame that REQ adds is taken off before and put on after.
//
//	worker → broker   PLACE name           which queue shall I join?
//	broker → worker   QUEUE name endpoint  | WAIT reason
//	worker → queue    READY name function…
//	queue  → worker   JOB id function body | PING | REJOIN reason | LEAVE reason | ERROR reason
//	worker → queue    RESULT id body [content-type] | FAIL id reason | PONG
const (
	TextPlace  = "PLACE"
	TextQueue  = "QUEUE"
	TextWait   = "WAIT"
	TextReady  = "READY"
	TextJob    = "JOB"
	TextPing   = "PING"
	TextPong   = "PONG"
	TextResult = "RESULT"
	TextFail   = "FAIL"
	TextRejoin = "REJOIN"
	TextLeave  = "LEAVE"
	TextError  = "ERROR"
)

// Text is a plain-text message, whichever it is; fields that its command does
// not have are zero.
type Text struct {
	Command     string
	Name        string   // PLACE, READY: the worker's; QUEUE: the queue's
	Endpoint    string   // QUEUE
	Functions   []string // READY
	Job         JobID    // JOB, RESULT, FAIL
	Function    string   // JOB
	Body        []byte   // JOB, RESULT
	ContentType string   // RESULT
	Reason      string   // WAIT, FAIL, REJOIN, LEAVE, ERROR
}

// MaxFunctions bounds how many functions one worker may announce.
const MaxFunctions = 8

// Frames encodes the message, without the empty delimiter of REQ.
func (t *Text) Frames() [][]byte {
	f := [][]byte{[]byte(t.Command)}
	switch t.Command {
	case TextPlace:
		f = append(f, []byte(t.Name))
	case TextQueue:
		f = append(f, []byte(t.Name), []byte(t.Endpoint))
	case TextReady:
		f = append(f, []byte(t.Name))
		for _, fn := range t.Functions {
			f = append(f, []byte(fn))
		}
	case TextJob:
		f = append(f, []byte(t.Job.String()), []byte(t.Function), t.Body)
	case TextResult:
		f = append(f, []byte(t.Job.String()), t.Body)
		if t.ContentType != "" {
			f = append(f, []byte(t.ContentType))
		}
	case TextFail:
		f = append(f, []byte(t.Job.String()), []byte(t.Reason))
	case TextWait, TextRejoin, TextLeave, TextError:
		f = append(f, []byte(t.Reason))
	}
	return f
}

// DecodeText reads what Frames wrote, or what a worker written by a stranger
// did: every field is checked.
func DecodeText(frames [][]byte) (*Text, error) {
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: no frames", ErrMalformed)
	}
	t := &Text{Command: string(frames[0])}
	args := frames[1:]
	want := func(low, high int, shape string) error {
		if len(args) < low || len(args) > high {
			return fmt.Errorf("%w: %s with %d frames behind it, want %s", ErrMalformed, t.Command, len(args), shape)
		}
		return nil
	}
	switch t.Command {
	case TextPlace:
		if err := want(1, 1, "PLACE name"); err != nil {
			return nil, err
		}
		return t, t.setName(args[0])
	case TextQueue:
		if err := want(2, 2, "QUEUE name endpoint"); err != nil {
			return nil, err
		}
		t.Endpoint = string(args[1])
		return t, t.setName(args[0])
	case TextReady:
		if err := want(2, 1+MaxFunctions, "READY name function…, at most 8 functions"); err != nil {
			return nil, err
		}
		for _, fn := range args[1:] {
			if !ValidFunction(string(fn)) {
				return nil, fmt.Errorf("%w: READY with function name %.80q", ErrMalformed, fn)
			}
			t.Functions = append(t.Functions, string(fn))
		}
		return t, t.setName(args[0])
	case TextJob:
		if err := want(3, 3, "JOB id function body"); err != nil {
			return nil, err
		}
		if !ValidName(string(args[1])) {
			return nil, fmt.Errorf("%w: JOB with function name %.80q", ErrMalformed, args[1])
		}
		t.Function, t.Body = string(args[1]), args[2]
		return t, t.setJob(args[0])
	case TextResult:
		if err := want(2, 3, "RESULT id body [content-type]"); err != nil {
			return nil, err
		}
		t.Body = args[1]
		if len(args) == 3 {
			t.ContentType = string(args[2])
		}
		return t, t.setJob(args[0])
	case TextFail:
		if err := want(2, 2, "FAIL id reason"); err != nil {
			return nil, err
		}
		t.Reason = string(args[1])
		return t, t.setJob(args[0])
	case TextPing, TextPong:
		return t, want(0, 0, "nothing")
	case TextWait, TextRejoin, TextLeave, TextError:
		if err := want(1, 1, t.Command+" reason"); err != nil {
			return nil, err
		}
		t.Reason = string(args[0])
		return t, nil
	}
	return nil, fmt.Errorf("%w: command %.40q", ErrMalformed, frames[0])
}

func (t *Text) setName(b []byte) error {
	t.Name = string(b)
	if !ValidName(t.Name) {
		return fmt.Errorf("%w: %s with name %.80q, want letters, digits, '.', '_', '-', at most %d", ErrMalformed, t.Command, b, MaxName)
	}
	return nil
}

func (t *Text) setJob(b []byte) error {
	id, err := ulid.ParseStrict(string(bytes.ToUpper(b)))
	if err != nil {
		return fmt.Errorf("%w: %s with job id %.40q", ErrMalformed, t.Command, b)
	}
	t.Job = id
	return nil
}
