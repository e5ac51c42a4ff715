package lambda

import (
	"net/http"

	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
)

// An exception is an error of the service, not of a function, as AWS SDKs know
// it: by the name in X-Amzn-ErrorType.
type exception struct {
	status int
	name   string
	text   string
}

// The exceptions of what a client asked for.
func invalidParameter(text string) *exception {
	return &exception{http.StatusBadRequest, "InvalidParameterValueException", text}
}

func invalidContent(text string) *exception {
	return &exception{http.StatusBadRequest, "InvalidRequestContentException", text}
}

// names are the exceptions of the problems that AWS has a name for.
var names = map[string]struct {
	status int
	name   string
}{
	httpcall.TypeUnknownFunction: {http.StatusNotFound, "ResourceNotFoundException"},
	httpcall.TypeUnknownVersion:  {http.StatusNotFound, "ResourceNotFoundException"},
	httpcall.TypeNotUp:           {http.StatusNotFound, "ResourceNotFoundException"},
	httpcall.TypeFull:            {http.StatusTooManyRequests, "TooManyRequestsException"},
	httpcall.TypeTooLarge:        {http.StatusRequestEntityTooLarge, "RequestTooLargeException"},
	httpcall.TypeTooSlow:         {http.StatusRequestTimeout, "RequestTimeoutException"},
	httpcall.TypeKeyReused:       {http.StatusBadRequest, "InvalidParameterValueException"},
}

// translate names a problem as AWS does. What it has no name for is the client's
// own, such as a body that broke off, or the service's, which SDKs try again.
func translate(p *httpcall.Problem) *exception {
	if n, ok := names[p.Type]; ok {
		return &exception{n.status, n.name, p.Detail}
	}
	if p.Status < http.StatusInternalServerError {
		return invalidContent(p.Detail)
	}
	return &exception{http.StatusInternalServerError, "ServiceException", p.Detail}
}

// body is an exception's, with the member for the text that its name has in AWS's
// own description of the service.
type body struct {
	Type   string
	Lower  string `json:"message,omitempty"`
	Upper  string `json:"Message,omitempty"`
	Reason string `json:",omitempty"`
}

func (e *exception) write(x *httpserver.Exchange) {
	b := body{Type: "User"}
	if e.status >= http.StatusInternalServerError {
		b.Type = "Service"
	}
	switch e.name {
	case "ResourceNotFoundException", "ServiceException":
		b.Upper = e.text
	case "TooManyRequestsException":
		b.Lower, b.Reason = e.text, "ConcurrentInvocationLimitExceeded"
	default:
		b.Lower = e.text
	}
	x.Set("X-Amzn-Errortype", e.name)
	httpcall.JSON(x, e.status, "application/json", b)
}

// refuse answers with a problem.
func refuse(x *httpserver.Exchange, p *httpcall.Problem) {
	if p.Gone() {
		p.Write(x)
		return
	}
	p.Head(x)
	translate(p).write(x)
}
