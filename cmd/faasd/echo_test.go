package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

const sixMebibytes = 6 << 20

// mustComeBack sends a body with its content type and fails the test unless
// both come back as they were.
func (s *system) mustComeBack(t testing.TB, contentType string, body []byte) {
	t.Helper()
	a := s.do(context.Background(), request{path: "/echo", contentType: contentType, body: body})
	switch {
	case a.err != nil:
		t.Errorf("%d bytes of %q: %v", len(body), contentType, a.err)
	case a.status != http.StatusOK:
		t.Errorf("%d bytes of %q: %d, %.300s", len(body), contentType, a.status, a.body)
	case !bytes.Equal(a.body, body):
		t.Errorf("%d bytes of %q came back as %d others: %.40q as %.40q", len(body), contentType, len(a.body), body, a.body)
	case a.header.Get("Content-Type") != contentType || len(a.header.Values("Content-Type")) > 1:
		t.Errorf("%d bytes of %q came back as %q", len(body), contentType, a.header.Values("Content-Type"))
	}
}

// noise is n bytes that look like nothing.
func noise(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestEchoReturnsTheBodyByteForByte(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, c := range []struct {
			name, contentType string
			body              []byte
		}{
			{"empty", "text/plain", nil},
			{"empty without a type", "", nil},
			{"one byte", "application/octet-stream", []byte{0}},
			{"one letter without a type", "", []byte("x")},
			{"JSON", "application/json", []byte(`{"hola":"mundo"}`)},
			{"JSON with odd spaces and numbers", "application/json; charset=utf-8", []byte(" {\"a\" : 1e400,\t\"a\":-0.0 , \"\\u00e9\":\"\\ud83d\\ude00\"}\r\n\n")},
			{"JSON that is just a number", "application/json", []byte("12345678901234567890.10")},
			{"invalid JSON", "application/json", []byte(`{"hola":`)},
			{"JSON with a byte order mark", "application/json", []byte("\xef\xbb\xbfnull")},
			{"HTML", "text/html", []byte("<html><script>")},
			{"binary", "application/octet-stream", []byte("\x00\xff\xfe\r\n\r\n\x00HTTP/1.1 500 no\r\n")},
			{"every byte", "application/x-bytes", everyByte()},
			{"a form", "application/x-www-form-urlencoded", []byte("a=%20&b=+&&=;")},
			{"gzip", "application/gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")},
			{"a type with bytes above ASCII", "text/plain; name=\"\xe9\xf1\"", []byte("x")},
			{"a type that is none", "!", []byte("x")},
			{"a long type", "text/plain; x=" + strings.Repeat("y", 15<<10), []byte("x")},
			{"a frame's worth", "application/octet-stream", noise(random, 255)},
			{"one more", "application/octet-stream", noise(random, 256)},
			{"64 KiB", "application/octet-stream", noise(random, 64<<10)},
			{"6 MiB less one", "application/octet-stream", noise(random, sixMebibytes-1)},
			{"6 MiB", "application/octet-stream", noise(random, sixMebibytes)},
			{"6 MiB of zeros", "application/octet-stream", make([]byte, sixMebibytes)},
		} {
			t.Run(c.name, func(t *testing.T) { s.mustComeBack(t, c.contentType, c.body) })
		}
	})
}

func everyByte() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// Whatever is sent comes back, whatever else is sent at the same time.
func TestEchoReturnsWhateverIsSent(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		const clients, each = 8, 60
		done := make(chan struct{})
		for c := range clients {
			go func() {
				defer func() { done <- struct{}{} }()
				random := rand.New(rand.NewPCG(uint64(c), 4711))
				for range each {
					s.mustComeBack(t, someType(random), noise(random, someLength(random)))
				}
			}()
		}
		for range clients {
			<-done
		}
	})
}

// someLength prefers small bodies, and knows large ones.
func someLength(random *rand.Rand) int {
	most := []int{0, 2, 300, 5000, 70_000}[random.IntN(5)]
	if random.IntN(60) == 0 {
		most = 2 << 20
	}
	return random.IntN(most + 1)
}

func someType(random *rand.Rand) string {
	return fieldValue(noise(random, random.IntN(80)))
}

// fieldValue leaves of some bytes what can be the value of an HTTP header
// (RFC 9110, 5.5), which does not begin or end with a space.
func fieldValue(b []byte) string {
	kept := bytes.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f {
			return r
		}
		return -1
	}, bytes.ToValidUTF8(b, nil))
	return strings.Trim(string(kept), " \t")
}

// Requests that follow each other on one connection, all sent before the first
// answer is read, are answered in their order.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	s := startUp(t)
	l := s.connect()
	const n = 50
	for i := range n {
		if err := l.sayEcho(fmt.Sprint("text ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if err := l.hear(patience).echoes(fmt.Sprint("text ", i)); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzEcho sends bodies and content types through a whole system.
func FuzzEcho(f *testing.F) {
	for _, body := range []string{"", "x", `{"hola":"mundo"}`, `{"hola":`, "null", "\x00", "\xff\xfe\x00\r\n\r\n", "<html>", strings.Repeat("long ", 5000)} {
		for _, contentType := range []string{"", "application/json", "text/plain; charset=utf-8", "\x01\xff", " ! "} {
			f.Add(contentType, []byte(body))
		}
	}
	s := startUp(f)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		if len(body) <= sixMebibytes && len(contentType) <= 8<<10 {
			s.mustComeBack(t, fieldValue([]byte(contentType)), body)
		}
	})
}
