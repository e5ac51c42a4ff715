package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestSpansComeBackAsTheyWereSent(t *testing.T) {
	most := make([]Span, MaxSpans)
	for i := range most {
		most[i] = Span{uint64(10*i + 1), uint64(10*i + 3)}
	}
	for _, spans := range [][]Span{{}, {{1, 1}}, {{1, 7}, {9, 9}}, {{5, 1<<64 - 1}}, most} {
		got, err := DecodeSpans(AppendSpans(nil, spans))
		if err != nil || !slices.Equal(got, spans) {
			t.Errorf("sent %v, got %v, %v", spans, got, err)
		}
	}
}

func TestSpansBeyondTheBoundAreLeftForLater(t *testing.T) {
	spans := make([]Span, MaxSpans+10)
	for i := range spans {
		spans[i] = Span{uint64(2*i + 1), uint64(2*i + 1)}
	}
	got, err := DecodeSpans(AppendSpans(nil, spans))
	if err != nil || !slices.Equal(got, spans[:MaxSpans]) {
		t.Errorf("got %d spans, %v, want the first %d", len(got), err, MaxSpans)
	}
}

func TestUnusableSpansAreRefused(t *testing.T) {
	good := AppendSpans(nil, []Span{{1, 2}})
	for name, b := range map[string][]byte{
		"half a number":      good[:4],
		"half a pair":        good[:8],
		"one byte too many":  append(slices.Clone(good), 0),
		"number 0":           AppendSpans(nil, []Span{{0, 2}}),
		"backwards":          AppendSpans(nil, []Span{{3, 2}}),
		"second backwards":   AppendSpans(nil, []Span{{1, 2}, {9, 8}}),
		"more than may come": bytes.Repeat(good, MaxSpans+1),
	} {
		if spans, err := DecodeSpans(b); !errors.Is(err, ErrMalformed) || spans != nil {
			t.Errorf("%s: got %d spans, %v", name, len(spans), err)
		}
	}
}

func FuzzSpans(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 16))
	f.Add([]byte("not of spans"))
	f.Add(AppendSpans(nil, []Span{{1, 1}, {3, 1 << 63}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		spans, err := DecodeSpans(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		if again := AppendSpans(nil, spans); !bytes.Equal(again, b) {
			t.Fatalf("%x came back as %x", b, again)
		}
	})
}
