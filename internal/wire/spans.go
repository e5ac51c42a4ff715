package wire

import (
	"encoding/binary"
	"fmt"
)

// Span is a run of link sequences, both ends included.
type Span struct{ First, Last uint64 }

// MaxSpans bounds what one GAPS message asks for; the rest is asked for next.
const MaxSpans = 256

// AppendSpans encodes the body of a GAPS message: u64 first, u64 last, repeated.
func AppendSpans(b []byte, spans []Span) []byte {
	for _, s := range spans[:min(len(spans), MaxSpans)] {
		b = binary.BigEndian.AppendUint64(b, s.First)
		b = binary.BigEndian.AppendUint64(b, s.Last)
	}
	return b
}

// DecodeSpans reads what AppendSpans wrote.
func DecodeSpans(b []byte) ([]Span, error) {
	if len(b)%16 != 0 || len(b) > 16*MaxSpans {
		return nil, fmt.Errorf("%w: gap list of %d bytes, want at most %d pairs of 16", ErrMalformed, len(b), MaxSpans)
	}
	spans := make([]Span, 0, len(b)/16)
	for ; len(b) > 0; b = b[16:] {
		s := Span{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
		if s.First == 0 || s.First > s.Last {
			return nil, fmt.Errorf("%w: gap from %d to %d", ErrMalformed, s.First, s.Last)
		}
		spans = append(spans, s)
	}
	return spans, nil
}
