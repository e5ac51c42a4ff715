package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestMDPIsWrittenAsRFC7SaysAndComesBack(t *testing.T) {
	for _, c := range []struct {
		message MDP
		want    [][]byte
	}{
		{MDP{Command: MDPReady, Service: "echo"}, frames("", "MDPW01", "\x01", "echo")},
		{MDP{Command: MDPRequest, Client: exampleID, Body: []byte("\x00\xff")}, frames("", "MDPW01", "\x02", exampleID, "", "\x00\xff")},
		{MDP{Command: MDPReply, Client: "any bytes \x00", Body: []byte("out")}, frames("", "MDPW01", "\x03", "any bytes \x00", "", "out")},
		{MDP{Command: MDPReply, Body: []byte{}}, frames("", "MDPW01", "\x03", "", "", "")},
		{MDP{Command: MDPHeartbeat}, frames("", "MDPW01", "\x04")},
		{MDP{Command: MDPDisconnect}, frames("", "MDPW01", "\x05")},
	} {
		if got := c.message.Frames(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is written as %q, want %q", c.message.Command, got, c.want)
		}
		if back, err := DecodeMDP(c.want); err != nil || !reflect.DeepEqual(*back, c.message) {
			t.Errorf("%q is read as %+v, %v, want %+v", c.want, back, err, c.message)
		}
	}
}

func TestTheFramesOfAnMDPBodyAreJoined(t *testing.T) {
	m, err := DecodeMDP(frames("", "MDPW01", "\x03", exampleID, "", "one ", "", "two", " three"))
	if err != nil || m.Client != exampleID || string(m.Body) != "one two three" {
		t.Errorf("read as %+v, %v", m, err)
	}
}

func TestMDPOfTheWrongShapeIsRefused(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for _, f := range [][][]byte{
		nil, frames(""), frames("", "MDPW01"), frames("MDPW01", "\x04"), frames("x", "MDPW01", "\x04"),
		frames("", "MDPW02", "\x04"), frames("", "MDPC01", "echo", ""), frames("", "mdpw01", "\x04"), frames("", "MDPW01 ", "\x04"),
		frames("", "MDPW01", ""), frames("", "MDPW01", "\x00"), frames("", "MDPW01", "\x06"), frames("", "MDPW01", "\x04\x04"), frames("", "MDPW01", "4"),
		frames("", "MDPW01", "\x01"), frames("", "MDPW01", "\x01", ""), frames("", "MDPW01", "\x01", "no/name"), frames("", "MDPW01", "\x01", "echo", "more"),
		frames("", "MDPW01", "\x01", "functions"), frames("", "MDPW01", "\x01", huge),
		frames("", "MDPW01", "\x03"), frames("", "MDPW01", "\x03", "a"), frames("", "MDPW01", "\x03", "a", ""), frames("", "MDPW01", "\x03", "a", "b", ""),
		frames("", "MDPW01", "\x02", "a", ""), frames("", "MDPW01", "\x02", "a", huge, ""),
		frames("", "MDPW01", "\x04", ""), frames("", "MDPW01", "\x05", ""),
	} {
		if got, err := DecodeMDP(f); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.100q is read as %+v, %v", f, got, err)
		} else if len(err.Error()) > 300 { // it is logged
			t.Errorf("%.100q: an error of %d bytes", f, len(err.Error()))
		}
	}
}

func TestTheBeginningOfAReplyTellsWhoseItIs(t *testing.T) {
	for _, c := range []struct {
		frames [][]byte
		want   bool
	}{
		{frames("", "MDPW01", "\x03", "a"), true},
		{frames("", "MDPW01", "\x03", "a", "", "body"), true},
		{frames("", "MDPW01", "\x03", "b", ""), false},
		{frames("", "MDPW01", "\x02", "a", ""), false},
		{frames("", "MDPW01", "\x03"), false},
		{frames(""), false},
		{nil, false},
	} {
		if envelope, size, ok := MDPReplyTo(c.frames, "a"); ok != c.want || envelope != 5 || size != 8 {
			t.Errorf("%q: %t, with %d frames and %d bytes before its body, want %t, 5, 8", c.frames, ok, envelope, size, c.want)
		}
	}
}

func FuzzDecodeMDP(f *testing.F) {
	for _, seed := range [][][]byte{
		frames("", "MDPW01", "\x01", "echo"), frames("", "MDPW01", "\x02", exampleID, "", "in"), frames("", "MDPW01", "\x03", exampleID, "", "a", "b"),
		frames("", "MDPW01", "\x04"), frames("", "MDPW01", "\x05"), frames("", "MDPW01"), frames(""),
	} {
		f.Add(bytes.Join(seed, []byte("|")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMDP(bytes.Split(b, []byte("|")))
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		again, err := DecodeMDP(m.Frames())
		if err != nil {
			t.Fatalf("%+v does not come back: %v", m, err)
		}
		if !bytes.Equal(m.Body, again.Body) {
			t.Fatalf("body %q came back as %q", m.Body, again.Body)
		}
		m.Body, again.Body = nil, nil
		if !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v came back as %+v", m, again)
		}
	})
}
