package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
)

const exampleID = "01JQXM7C2N8RZ5V0T4W6Y3HGKE"

func frames(parts ...string) [][]byte {
	f := make([][]byte, len(parts))
	for i, p := range parts {
		f[i] = []byte(p)
	}
	return f
}

func TestTextComesBackAsItWasSent(t *testing.T) {
	id := ulid.MustParse(exampleID)
	for _, c := range []struct {
		text Text
		want [][]byte
	}{
		{Text{Command: TextPlace, Name: "w1"}, frames("PLACE", "w1")},
		{Text{Command: TextQueue, Name: "queueA", Endpoint: "tcp://h:1"}, frames("QUEUE", "queueA", "tcp://h:1")},
		{Text{Command: TextWait, Reason: "no queue yet"}, frames("WAIT", "no queue yet")},
		{Text{Command: TextReady, Name: "w1", Functions: []string{"echo"}}, frames("READY", "w1", "echo")},
		{
			Text{Command: TextReady, Name: "w1", Functions: []string{"a", "b", "c", "d", "e", "f", "g", "h"}},
			frames("READY", "w1", "a", "b", "c", "d", "e", "f", "g", "h"),
		},
		{
			Text{Command: TextJob, Job: id, Function: "echo", Body: []byte("\x00\xff")},
			frames("JOB", exampleID, "echo", "\x00\xff"),
		},
		{Text{Command: TextPing}, frames("PING")},
		{Text{Command: TextPong}, frames("PONG")},
		{Text{Command: TextResult, Job: id, Body: []byte("out")}, frames("RESULT", exampleID, "out")},
		{Text{Command: TextResult, Job: id, Body: []byte{}}, frames("RESULT", exampleID, "")},
		{
			Text{Command: TextResult, Job: id, Body: []byte("<p>"), ContentType: "text/html"},
			frames("RESULT", exampleID, "<p>", "text/html"),
		},
		{Text{Command: TextFail, Job: id, Reason: "divided by zero"}, frames("FAIL", exampleID, "divided by zero")},
		{Text{Command: TextRejoin, Reason: "the queue stops"}, frames("REJOIN", "the queue stops")},
		{Text{Command: TextError, Reason: "no"}, frames("ERROR", "no")},
	} {
		got := c.text.Frames()
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is written as %q, want %q", c.text.Command, got, c.want)
		}
		back, err := DecodeText(c.want)
		if err != nil || !reflect.DeepEqual(*back, c.text) {
			t.Errorf("%q is read as %+v, %v, want %+v", c.want, back, err, c.text)
		}
	}
}

func TestTextOfTheWrongShapeIsRefused(t *testing.T) {
	nine := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
	for _, f := range [][][]byte{
		nil, frames(""), frames("HELLO"), frames("ready", "w", "echo"), frames("PING "), frames("READY\x00", "w", "echo"),
		frames("PLACE"), frames("PLACE", ""), frames("PLACE", "a b"), frames("PLACE", "w", "more"),
		frames("QUEUE"), frames("QUEUE", "queueA"), frames("QUEUE", "", "tcp://h:1"), frames("QUEUE", "q", "tcp://h:1", "more"),
		frames("WAIT"), frames("WAIT", "a", "b"),
		frames("READY"), frames("READY", "w"), frames("READY", "", "echo"), frames("READY", "w/1", "echo"),
		frames("READY", "w", ""), frames("READY", "w", "echo", "no/name"), frames(append([]string{"READY", "w"}, nine...)...),
		frames("JOB"), frames("JOB", exampleID), frames("JOB", exampleID, "echo"), frames("JOB", "x", "echo", ""),
		frames("JOB", exampleID, "no/name", ""), frames("JOB", exampleID, "", ""), frames("JOB", exampleID, "echo", "", ""),
		frames("RESULT"), frames("RESULT", exampleID), frames("RESULT", "", ""), frames("RESULT", exampleID, "", "a/b", "more"),
		frames("FAIL"), frames("FAIL", exampleID), frames("FAIL", "nonsense", "why"), frames("FAIL", exampleID, "why", "more"),
		frames("PING", ""), frames("PONG", "x"),
		frames("REJOIN"), frames("REJOIN", "why", "more"),
		frames("ERROR"), frames("ERROR", "why", "more"),
	} {
		if got, err := DecodeText(f); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is read as %+v, %v", f, got, err)
		}
	}
}

func TestJobIDTextInEitherCase(t *testing.T) {
	want := ulid.MustParse(exampleID)
	for _, id := range []string{exampleID, strings.ToLower(exampleID), "01jqXm7C2N8rZ5v0T4w6Y3hGkE"} {
		for _, f := range [][][]byte{frames("RESULT", id, ""), frames("FAIL", id, "why"), frames("JOB", id, "echo", "")} {
			if got, err := DecodeText(f); err != nil || got.Job != want {
				t.Errorf("%q is read as %+v, %v", f, got, err)
			}
		}
	}
	for _, bad := range []string{
		exampleID[1:], exampleID + "0", "81JQXM7C2N8RZ5V0T4W6Y3HGKE", // beyond 128 bits
		"01JQXM7C2N8RZ5V0T4W6Y3HGKU", "01JQXM7C2N8RZ5V0T4W6Y3HGK ", "01JQXM7C2N8RZ5V0T4W6Y3HGK\x00",
		strings.Repeat("ſ", 26), // a letter whose upper case is S
		strings.Repeat("é", 13),
	} {
		if got, err := DecodeText(frames("FAIL", bad, "why")); !errors.Is(err, ErrMalformed) {
			t.Errorf("job id %q is read as %+v, %v", bad, got, err)
		}
	}
}

func TestErrorsOfTextAreShort(t *testing.T) {
	// They are logged, and sent back to whoever wrote the text.
	huge := strings.Repeat("x", 1<<20)
	for _, f := range [][][]byte{
		frames(huge), frames("PLACE", huge), frames("FAIL", huge, "why"), frames("READY", "w", huge),
	} {
		if _, err := DecodeText(f); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.20q…: an error of %d bytes", f[0], len(err.Error()))
		}
	}
}

func FuzzDecodeText(f *testing.F) {
	for _, seed := range [][][]byte{
		frames("PLACE", "w"), frames("QUEUE", "q", "tcp://h:1"), frames("WAIT", "why"), frames("READY", "w", "echo", "add"),
		frames("JOB", exampleID, "echo", "in"), frames("PING"), frames("RESULT", exampleID, "out", "a/b"),
		frames("RESULT", strings.ToLower(exampleID), "out", ""), frames("FAIL", exampleID, "why"), frames("REJOIN", ""), frames(""),
	} {
		f.Add(bytes.Join(seed, []byte("|")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := DecodeText(bytes.Split(b, []byte("|")))
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		again, err := DecodeText(text.Frames())
		if err != nil {
			t.Fatalf("%+v does not come back: %v", text, err)
		}
		if !slices.Equal(text.Body, again.Body) {
			t.Fatalf("body %q came back as %q", text.Body, again.Body)
		}
		text.Body, again.Body = nil, nil
		if !reflect.DeepEqual(text, again) {
			t.Fatalf("%+v came back as %+v", text, again)
		}
	})
}
