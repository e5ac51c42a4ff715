package httpcall

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"faasd/internal/function"
)

// keptBack are headers that concern a connection and not a request (RFC 9110,
// 7.6.1), what a proxy was told, and Proxy, which a program that gets headers in
// its environment would take for its HTTP proxy (CVE-2016-5385).
var keptBack = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy",
}

// Told is how the call was made over HTTP, for a function whose kind is told;
// "" for others. The path is what stands behind the function's name. Nothing
// that a client says for the function is kept back, its credentials included:
// they are the function's to check, since faasd asks nobody who they are.
func (c *Call) Told(path string) (string, *Problem) {
	if !function.Told(c.Function.Kind) {
		return "", nil
	}
	b, err := json.Marshal(function.Request{Method: c.r.Method, Path: path, Query: c.r.URL.RawQuery, Header: passedOn(c.r)})
	if err != nil {
		panic("httpcall: a request is plain data: " + err.Error())
	}
	if len(b) > maxText {
		return "", &Problem{Type: "headers-too-large", Status: http.StatusRequestHeaderFieldsTooLarge, Title: "Headers too large",
			Detail: fmt.Sprintf("the request's path, query and headers have %d bytes as JSON; at most %d are passed on to a function: send fewer, or in the body", len(b), maxText)}
	}
	return string(b), nil
}

// passedOn are a request's headers but for those that are kept back. Host, which
// net/http takes out, is among them.
func passedOn(r *http.Request) http.Header {
	head := r.Header.Clone()
	for _, list := range r.Header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(head, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	for _, name := range keptBack {
		delete(head, name)
	}
	if r.Host != "" {
		head["Host"] = []string{r.Host}
	}
	return head
}
