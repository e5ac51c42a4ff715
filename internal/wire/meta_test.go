package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMetaComesBackAsItWasSent(t *testing.T) {
	long := strings.Repeat("x", maxField)
	for _, m := range []Meta{
		{},
		{Function: "echo"},
		{Function: strings.Repeat("f", MaxName)},
		{ContentType: "text/plain; charset=utf-8"},
		{Function: "echo", Queue: "queueA", Worker: "worker-1"},
		{Function: "echo", Reason: "it was\nnot\x00 possible: ñ", Target: "00000000000000ff"},
		{Function: "a", ContentType: long, Queue: long, Worker: long, Reason: long, Target: long},
	} {
		b := m.append(nil)
		if len(b) != m.size() {
			t.Errorf("%.60q takes %d bytes, size says %d", m, len(b), m.size())
		}
		var got Meta
		if err := got.decode(b); err != nil || got != m {
			t.Errorf("sent %.200q, got %.200q, %v", m, got, err)
		}
	}
}

func TestMetaFieldsThatAreNotKnownAreSkipped(t *testing.T) {
	m := Meta{Function: "echo", Queue: "queueA", Target: "t"}
	known := m.append(nil)
	stranger := []byte{200, 0, 5, 'h', 'e', 'l', 'l', 'o'}
	empty := []byte{0, 0, 0}
	name := 1 + len(m.Function)
	for _, b := range [][]byte{
		slices.Concat(known, stranger),
		slices.Concat(known[:name], stranger, empty, known[name:]),
		slices.Concat(known, empty, stranger, stranger),
	} {
		var got Meta
		if err := got.decode(b); err != nil || got != m {
			t.Errorf("%q: got %q, %v, want %q", b, got, err, m)
		}
	}
}

func TestMetaValuesThatAreTooLongAreCut(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	m := Meta{Function: long[:300], ContentType: long, Reason: long, Worker: "w"}
	var got Meta
	if err := got.decode(m.append(nil)); err != nil {
		t.Fatal(err)
	}
	want := Meta{Function: long[:255], ContentType: long[:maxField], Reason: long[:maxField], Worker: "w"}
	if got != want {
		t.Errorf("got %d, %d, %d bytes and %q, want 255, %d, %d and w",
			len(got.Function), len(got.ContentType), len(got.Reason), got.Worker, maxField, maxField)
	}
}

func TestMetaCutShortIsRefused(t *testing.T) {
	m := Meta{Function: "echo", ContentType: "text/plain", Worker: "w"}
	b := m.append(nil)
	// Cut right behind the name or a field it is whole, only with less in it.
	whole := []int{1 + 4, 1 + 4 + 3 + 10, len(b)}
	for n := range len(b) + 1 {
		var got Meta
		err := got.decode(b[:n])
		if slices.Contains(whole, n) {
			if err != nil {
				t.Errorf("%d of %d bytes: %v", n, len(b), err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Errorf("%d of %d bytes: got %q, %v", n, len(b), got, err)
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{255, 'a'})
	f.Add([]byte{1, 'f', 1, 0, 1, 'x', 1, 0, 0, 99, 0, 1, 'y'})
	f.Add((&Meta{Function: "echo", ContentType: "a/b", Queue: "q", Worker: "w", Reason: "r", Target: "t"}).append(nil))
	f.Add((&Meta{Function: "echo", Reason: strings.Repeat("r", 2*maxField)}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		var m, again Meta
		err := m.decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("decoding changed the frame")
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		for field := byte(1); field <= lastField; field++ {
			v := m.value(field)
			*v = (*v)[:min(len(*v), maxField)] // writing cuts what reading does not
		}
		enc := m.append(nil)
		if len(enc) != m.size() {
			t.Fatalf("%d bytes, size says %d", len(enc), m.size())
		}
		if err := again.decode(enc); err != nil || again != m {
			t.Fatalf("%q came back as %q, %v", m, again, err)
		}
	})
}
