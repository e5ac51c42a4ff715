package function

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Environment says of a call, as NAME=value, what a function that runs once for
// each call is told in its environment: the job, when it has to be done, what
// the body is, and the HTTP request that it came by as RFC 3875 (CGI) has it. No
// name comes twice, and none of them can be given by whoever calls except behind
// HTTP_.
//
//	FAASD_JOB, FAASD_ATTEMPT, FAASD_FUNCTION, FAASD_VERSION
//	FAASD_DEADLINE_MS                           when ctx ends, in Unix ms; absent if it does not
//	CONTENT_TYPE, CONTENT_LENGTH, TRACEPARENT   absent when empty, CONTENT_LENGTH never
//	REQUEST_METHOD, PATH_INFO, QUERY_STRING     only with a Request
//	HTTP_X_NAME                                 one for each header X-Name, values joined by ", "
func Environment(ctx context.Context, in Invocation) []string {
	env := []string{
		"FAASD_JOB=" + in.Job,
		"FAASD_ATTEMPT=" + strconv.Itoa(in.Attempt),
		"FAASD_FUNCTION=" + in.Function,
		"FAASD_VERSION=" + strconv.FormatUint(uint64(in.Version), 10),
		"CONTENT_LENGTH=" + strconv.Itoa(len(in.Body)),
	}
	if end, ok := ctx.Deadline(); ok {
		env = append(env, "FAASD_DEADLINE_MS="+strconv.FormatInt(end.UnixMilli(), 10))
	}
	if in.ContentType != "" {
		env = append(env, "CONTENT_TYPE="+in.ContentType)
	}
	if in.Trace != "" {
		env = append(env, "TRACEPARENT="+in.Trace)
	}
	if r := in.Request; r != nil {
		env = append(env, "REQUEST_METHOD="+r.Method, "PATH_INFO="+r.Path, "QUERY_STRING="+r.Query)
		env = append(env, headers(r.Header)...)
	}
	// No program can be given a variable with a NUL in it.
	return slices.DeleteFunc(env, func(v string) bool { return strings.ContainsRune(v, 0) })
}

// headers gives the HTTP_ variables of a request's header, sorted.
func headers(header map[string][]string) []string {
	var env []string
	for name, values := range header {
		if variable, ok := headerVariable(name); ok {
			env = append(env, variable+"="+strings.Join(values, ", "))
		}
	}
	slices.Sort(env)
	return env
}

// headerVariable names the variable of a header, false if it has none: not
// Proxy, since programs take HTTP_PROXY for a setting (CVE-2016-5385); not what
// CONTENT_TYPE and CONTENT_LENGTH say already; and no name that is not letters,
// digits and hyphens, so that X_Name cannot stand in for X-Name.
func headerVariable(name string) (string, bool) {
	upper := []byte(strings.ToUpper(name))
	for i, c := range upper {
		switch {
		case c == '-':
			upper[i] = '_'
		case c < '0' || c > '9' && c < 'A' || c > 'Z':
			return "", false
		}
	}
	switch string(upper) {
	case "", "PROXY", "CONTENT_TYPE", "CONTENT_LENGTH":
		return "", false
	}
	return "HTTP_" + string(upper), true
}
