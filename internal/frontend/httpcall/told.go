package httpcall

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"faasd/internal/frontend/httpserver"
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
// "" for others. The path is what stands behind the function's name; also are
// headers that the request has for the function in place of what came. Nothing
// that a client says for the function is kept back, its credentials included:
// they are the function's to check, since faasd asks nobody who they are.
func (c *Call) Told(path string, also ...Header) (string, *Problem) {
	if !function.Told(c.Function.Kind) {
		return "", nil
	}
	head := passedOn(c.x)
	for _, h := range also {
		head[h.Name] = []string{h.Value}
	}
	b, err := json.Marshal(function.Request{Method: string(c.x.Request.Method()), Path: path, Query: c.x.Query(), Header: head})
	if err != nil {
		panic("httpcall: a request is plain data: " + err.Error())
	}
	if len(b) > maxText {
		return "", &Problem{Type: "headers-too-large", Status: http.StatusRequestHeaderFieldsTooLarge, Title: "Headers too large",
			Detail: fmt.Sprintf("the request's path, query and headers have %d bytes as JSON; at most %d are passed on to a function: send fewer, or in the body", len(b), maxText)}
	}
	return string(b), nil
}

// A Header is one of a request's, with its name as it is written there.
type Header struct{ Name, Value string }

// passedOn are a request's headers but for those that are kept back, the values of
// one name in the order in which they came.
func passedOn(x *httpserver.Exchange) map[string][]string {
	head := make(map[string][]string)
	for name, value := range x.Request.AllInOrder() {
		head[string(name)] = append(head[string(name)], string(value))
	}
	for _, list := range head["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(head, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	for _, name := range keptBack {
		delete(head, name)
	}
	delete(head, "Host")
	if x.Host() != "" {
		head["Host"] = []string{x.Host()}
	}
	return head
}
