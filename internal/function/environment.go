package function

import (
	"context"
	"maps"
	"strconv"
	"strings"
)

// Environment is what a function that runs once for each call is told in its
// environment, besides what its kind adds: the headers of the HTTP request that
// it was called by, its owner's own variables, and what the call is, the latter
// before the former. Its names are CGI's (RFC 3875).
//
//	HTTP_X_NAME                                 one for each header X-Name
//	FAASD_JOB, FAASD_ATTEMPT, FAASD_FUNCTION, FAASD_VERSION
//	FAASD_DEADLINE_MS                           when ctx ends, in Unix ms; absent if it does not
//	TRACEPARENT                                 absent if there is none
//	CONTENT_TYPE, CONTENT_LENGTH                of the body
//	REQUEST_METHOD, PATH_INFO, QUERY_STRING     only with a Request
func Environment(ctx context.Context, in Invocation, own map[string]string) map[string]string {
	env := map[string]string{}
	if r := in.Request; r != nil {
		for name, values := range r.Header {
			if variable := headerVariable(name); variable != "" {
				env[variable] = strings.Join(values, separator(name))
			}
		}
	}
	maps.Copy(env, own)
	maps.Copy(env, map[string]string{
		"FAASD_JOB":      in.Job,
		"FAASD_ATTEMPT":  strconv.Itoa(in.Attempt),
		"FAASD_FUNCTION": in.Function,
		"FAASD_VERSION":  strconv.FormatUint(uint64(in.Version), 10),
		"CONTENT_TYPE":   in.ContentType,
		"CONTENT_LENGTH": strconv.Itoa(len(in.Body)),
	})
	if end, ok := ctx.Deadline(); ok {
		env["FAASD_DEADLINE_MS"] = strconv.FormatInt(end.UnixMilli(), 10)
	}
	if in.Trace != "" {
		env["TRACEPARENT"] = in.Trace
	}
	if r := in.Request; r != nil {
		env["REQUEST_METHOD"], env["PATH_INFO"], env["QUERY_STRING"] = r.Method, r.Path, r.Query
	}
	// No environment can hold a NUL.
	maps.DeleteFunc(env, func(_, value string) bool { return strings.ContainsRune(value, 0) })
	return env
}

// headerVariable is the variable of a header as CGI names it (RFC 3875, section
// 4.1.18); "" for one that is not passed on. Proxy is not, because programs take
// HTTP_PROXY for the proxy that they are to use (httpoxy.org); nor are names
// with anything but letters, digits and hyphens, which could stand for another.
func headerVariable(name string) string {
	upper := strings.ToUpper(name)
	switch upper {
	case "", "PROXY", "CONTENT-TYPE", "CONTENT-LENGTH":
		return ""
	}
	variable := []byte("HTTP_" + upper)
	for i, b := range variable[len("HTTP_"):] {
		switch {
		case b == '-':
			variable[len("HTTP_")+i] = '_'
		case b < '0' || b > 'Z' || b > '9' && b < 'A':
			return ""
		}
	}
	return string(variable)
}

// separator is what stands between several values of a header (RFC 9110,
// section 5.3; RFC 9113, section 8.2.3, for cookies).
func separator(header string) string {
	if strings.EqualFold(header, "Cookie") {
		return "; "
	}
	return ", "
}
