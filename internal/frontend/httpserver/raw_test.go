package httpserver

import (
	"cmp"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A raw is what a client sends, byte by byte.
type raw struct {
	name, sent string
	want       string // statuses of the answers, and "end" if the connection then ends
	nethttp    string // likewise net/http's, where that sees it in another way
}

const (
	post = "POST /a HTTP/1.1\r\nHost: a\r\n"
	next = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n" // must not be taken for part of what is before it, nor be answered behind what is refused
)

// What another server, before this one or behind it, could read in another way is
// refused, and nothing behind it is looked at.
var refused = []raw{
	{"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 end", ""},
	{"the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400 end", "200 200"},
	{"lengths in one line", post + "Content-Length: 3, 3\r\n\r\nabc", "400 end", ""},
	{"a length with a sign", post + "Content-Length: +3\r\n\r\nabc", "400 end", ""},
	{"a negative length", post + "Content-Length: -3\r\n\r\nabc", "400 end", ""},
	{"a hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", "400 end", ""},
	{"no length in the line", post + "Content-Length: \r\n\r\nabc", "400 end", ""},
	{"a length beyond all", post + "Content-Length: 99999999999999999999\r\n\r\nabc", "400 end", ""},
	{"a length in another number's digits", post + "Content-Length: \xd9\xa3\r\n\r\nabc", "400 end", ""},
	{"length and chunks", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 end", "200 200"},
	{"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400 end", "200 200"},
	{"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 end", ""},
	{"chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "501 end", ""},
	{"gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 end", ""},
	{"identity", post + "Transfer-Encoding: identity\r\n\r\n", "501 end", ""},
	{"almost chunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501 end", ""},
	{"chunked behind a tab of another kind", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "501 end", "400 end"},
	{"chunks to HTTP/1.0", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", "400 end", "200 400"},
	{"blank before the colon", post + "Content-Length : 3\r\n\r\nabc", "400 end", ""},
	{"tab before the colon", post + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", "400 end", ""},
	{"blank in a name", post + "X Y: z\r\n\r\n", "400 end", ""},
	{"no name", post + ": z\r\n\r\n", "400 end", ""},
	{"no colon", post + "Header\r\n\r\n", "400 end", ""},
	{"a header that goes on in the next line", post + "X-A: b\r\n c\r\n\r\n", "400 end", "200 200"},
	{"the first header goes on in the next line", "POST /a HTTP/1.1\r\n Host: a\r\n\r\n", "400 end", ""},
	{"lines that end in LF alone", "POST /a HTTP/1.1\nHost: a\n\n", "400 end", "200 200"},
	{"a header that ends in LF alone", post + "X-A: b\nX-B: c\r\n\r\n", "400 end", "200 200"},
	{"a head that ends in LF alone", post + "\n", "400 end", "200 200"},
	{"CR alone in a value", post + "X-A: b\rX-B: c\r\n\r\n", "400 end", ""},
	{"NUL in a value", post + "X-A: b\x00c\r\n\r\n", "400 end", ""},
	{"a control byte in a value", post + "X-A: b\x01c\r\n\r\n", "400 end", ""},
	{"DEL in a value", post + "X-A: b\x7fc\r\n\r\n", "400 end", ""},
	{"NUL in a name", post + "X-\x00A: b\r\n\r\n", "400 end", ""},
	{"a name with a byte beyond ASCII", post + "X-\xe4: b\r\n\r\n", "400 end", ""},
	{"a name in brackets", post + "X-(A): b\r\n\r\n", "400 end", ""},
	{"no Host", "POST /a HTTP/1.1\r\n\r\n", "400 end", ""},
	{"two Hosts", post + "Host: b\r\n\r\n", "400 end", ""},
	{"a Host with a blank", "POST /a HTTP/1.1\r\nHost: a b\r\n\r\n", "400 end", ""},
	{"HTTP/2", "POST /a HTTP/2.0\r\nHost: a\r\n\r\n", "505 end", ""},
	{"HTTP/1.2", "POST /a HTTP/1.2\r\nHost: a\r\n\r\n", "505 end", "200 200"},
	{"HTTP/0.9", "GET /a\r\n\r\n", "400 end", ""},
	{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400 end", ""},
	{"two blanks in the first line", "POST  /a HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a tab in the first line", "POST\t/a HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a target with a blank", "POST /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a target with a control byte", "POST /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a target with half an escape", "POST /a%2 HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a target that is no path", "POST a HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"a method in brackets", "(POST) /a HTTP/1.1\r\nHost: a\r\n\r\n", "400 end", ""},
	{"an empty line first", "\r\n" + post + "\r\n", "400 end", ""},
	{"another expectation", post + "Expect: gold\r\nContent-Length: 3\r\n\r\nabc", "417 end", ""},
}

// A body that breaks off is the handler's to refuse; nothing behind it is looked
// at.
var broken = []raw{
	{"a chunk's length that is no number", post + "Transfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk's length with a sign", post + "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk's length in C", post + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk's length beyond all", post + "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk's length before LF alone", post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"LF in a chunk's extension", post + "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "500 end", ""},
	{"a chunk before LF alone", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", "500 end", ""},
	{"a trailer that ends in LF alone", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\n\r\n", "500 end", "200 200"},
	{"a trailer without a name", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nb\r\n\r\n", "500 end", ""},
}

// What is unusual and clear is served, and what comes behind it too.
var served = []raw{
	{"a length", post + "Content-Length: 3\r\n\r\nabc", "200 200", ""},
	{"a length with blanks and tabs", post + "Content-Length: \t 3 \t\r\n\r\nabc", "200 200", ""},
	{"no length", post + "\r\n", "200 200", ""},
	{"GET with a body", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "200 200", ""},
	{"chunks", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200 200", ""},
	{"CHUNKED", post + "TRANSFER-ENCODING: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200 200", ""},
	{"chunks with extensions and trailers", post + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;c\r\nX-A: b\r\nContent-Length: 7\r\n\r\n", "200 200", ""},
	{"a chunk's length with zeros", post + "Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n0\r\n\r\n", "200 200", ""},
	{"an empty value", post + "X-A:\r\n\r\n", "200 200", ""},
	{"a value with a byte beyond ASCII", post + "X-A: \xe4\r\n\r\n", "200 200", ""},
	{"a value with a tab", post + "X-A: b\tc\r\n\r\n", "200 200", ""},
	{"any method", "BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", ""},
	{"a whole URL", "POST http://b/a HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", ""},
	{"the server itself", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", ""},
	{"a name with all that it may have", post + "!#$%&'*+-.^_`|~09Az: b\r\n\r\n", "200 200", ""},
	{"a header of 60 KiB", post + "X-A: " + strings.Repeat("x", 60<<10) + "\r\n\r\n", "200 200", ""},
	{"keep-alive to HTTP/1.0", "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", "200 200", ""},
}

func TestWhatIsReadInTwoWaysIsRefused(t *testing.T) {
	server := newServer(t, func(x *Exchange) {
		status := http.StatusOK
		if _, err := io.ReadAll(x); err != nil {
			status = http.StatusInternalServerError
		}
		x.Send(status, nil)
	})
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	theirs.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer theirs.Close()
	for _, c := range slices.Concat(refused, broken, served) {
		t.Run(c.name, func(t *testing.T) {
			if got := says(t, server.address, c.sent); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
			if got, want := says(t, theirs.Listener.Addr().String(), c.sent), cmp.Or(c.nethttp, c.want); got != want {
				t.Errorf("net/http answers %s, want %s", got, want)
			}
		})
	}
}

// says is what is answered to what is sent, with next behind it.
func says(t *testing.T, address, sent string) string {
	t.Helper()
	c := dial(t, address)
	go func() { _, _ = io.WriteString(c, sent+next) }()
	var said []string
	for len(said) < 2 {
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			if err != io.ErrUnexpectedEOF && err != io.EOF {
				t.Errorf("the connection ends with %v", err)
			}
			return strings.Join(append(said, "end"), " ")
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("an answer breaks off: %v", err)
		}
		said = append(said, resp.Status[:3])
	}
	return strings.Join(said, " ")
}

func TestAHeadThatIsTooLargeIsA431(t *testing.T) {
	server := newServer(t, func(x *Exchange) { x.Send(http.StatusOK, nil) })
	for name, head := range map[string]string{
		"one header":   "X-A: " + strings.Repeat("x", maxHead),
		"many headers": strings.Repeat("X-A: b\r\n", maxHead/8),
		"no end":       strings.Repeat("x", 2*maxHead),
	} {
		if got := says(t, server.address, post+head+"\r\n\r\n"); got != "431 end" {
			t.Errorf("%s: answered %s", name, got)
		}
	}
}
