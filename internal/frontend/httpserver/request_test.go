package httpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A seen is a request as a handler sees it.
type seen struct {
	method, path, escaped, query, host, contentType string

	header http.Header
	body   string
	broken bool
}

// A given connection brings what it has, and keeps what it is answered.
type given struct {
	net.Conn
	brings io.Reader
	told   bytes.Buffer
}

func (g *given) Read(p []byte) (int, error)       { return g.brings.Read(p) }
func (g *given) Write(p []byte) (int, error)      { return g.told.Write(p) }
func (g *given) Close() error                     { return nil }
func (g *given) SetReadDeadline(time.Time) error  { return nil }
func (g *given) SetWriteDeadline(time.Time) error { return nil }

// ours is the first request of what is sent as this server sees it; nil if it
// refuses it.
func ours(sent io.Reader) (first *seen) {
	s := New(Config{Refuse: refuses, Handler: func(x *Exchange) {
		if first == nil {
			body, err := io.ReadAll(x)
			first = &seen{string(x.Request.Method()), x.Path(), x.EscapedPath(), x.Query(), x.Host(), x.ContentType(), http.Header{}, string(body), err != nil}
			for name, value := range x.Request.AllInOrder() {
				first.header.Add(string(name), string(value))
			}
			for _, kept := range []string{"Host", "Transfer-Encoding", "Trailer"} {
				first.header.Del(kept) // net/http takes them out
			}
		}
		x.CloseAfter()
		x.Send(http.StatusOK, nil)
	}})
	s.ServeConn(&given{brings: sent})
	return first
}

// theirs is it as net/http does.
func theirs(sent string) (*seen, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent)))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if pragma := r.Header["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && !strings.Contains(strings.ToLower(sent), "cache-control") {
		delete(r.Header, "Cache-Control") // which it adds
	}
	return &seen{r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, r.Header.Get("Content-Type"), r.Header, string(body), err != nil}, nil
}

// FuzzRequest: what this server takes for a request net/http does too, and sees the
// same in it, however it comes in.
func FuzzRequest(f *testing.F) {
	for _, c := range slices.Concat(refused, broken, served) {
		if len(c.sent) < 1000 {
			f.Add(c.sent)
		}
	}
	for _, target := range []string{
		"/", "/a/b", "//a", "/a//b/../c/.", "/a%2Fb", "/a%20b?c=%20d", "/a?", "/a?b?c", "/?", "/a#b", "/a;b=c", "/\xc3\xa4", "/a?\xc3\xa4", "/%c3%a4", "/a|b", "/a[b]",
		"/a\\b", "/\"a\"", "/a%", "/a%zz", "/:a", "/a:b", "/a+b?c+d", "http://b", "http://b/", "http://b:80/a?b", "https://b/a", "http://u:p@b/a", "http://[::1]/a", "http:///a", "http://b?c",
	} {
		f.Add("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	f.Add("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
	f.Add(post + "Content-Type: a\r\ncontent-type: b\r\n\r\n")
	f.Add(post + "x-twice: 1\r\nX-TWICE: 2\r\nCookie: a=b; c\r\nCookie: d=\"e\"\r\nContent-Type: a\r\nUser-Agent: b\r\n\r\n")
	f.Fuzz(func(t *testing.T, sent string) {
		got := ours(strings.NewReader(sent))
		if slow := ours(&byBytes{strings.NewReader(sent)}); (slow == nil) != (got == nil) || got != nil && !slow.is(got) {
			t.Fatalf("%q is %+v, and byte by byte %+v", sent, got, slow)
		}
		if got == nil {
			return
		}
		want, err := theirs(sent)
		if err != nil {
			t.Fatalf("%q is %+v, and to net/http %v", sent, got, err)
		}
		if !got.is(want) {
			t.Errorf("%q is\n%+v, to net/http\n%+v", sent, got, want)
		}
	})
}

// is reports whether two saw the same. Of a body that breaks off it may be seen
// more or less.
func (s *seen) is(o *seen) bool {
	return s.method == o.method && s.path == o.path && s.escaped == o.escaped && s.query == o.query && s.host == o.host && s.contentType == o.contentType &&
		s.broken == o.broken && (s.broken || s.body == o.body) && maps.EqualFunc(s.header, o.header, slices.Equal)
}

// byBytes brings one byte at a time.
type byBytes struct{ r io.Reader }

func (b *byBytes) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errors.New("nothing is asked for")
	}
	return b.r.Read(p[:1])
}
