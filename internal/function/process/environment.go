package process

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// DefaultPath is where a function's programs are found.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is all that the program of a call has in its environment: what
// every function has, the request's headers, what its owner gives it, and what
// the call is, the latter before the former.
func (c *call) environment(ctx context.Context) []string {
	env := map[string]string{"PATH": DefaultPath, "HOME": c.scratch, "TMPDIR": c.scratch, "TZ": "UTC", "LANG": "C.UTF-8"}
	if r := c.in.Request; r != nil {
		for name, values := range r.Header {
			if variable := headerVariable(name); variable != "" {
				env[variable] = strings.Join(values, separator(name))
			}
		}
	}
	maps.Copy(env, c.Env)
	maps.Copy(env, map[string]string{
		"FAASD_FUNCTION": c.Name,
		"FAASD_VERSION":  strconv.FormatUint(uint64(c.Version), 10),
		"FAASD_JOB":      c.in.Job,
		"FAASD_ATTEMPT":  strconv.Itoa(c.in.Attempt),
		"FAASD_CODE":     c.Code,
		"CONTENT_TYPE":   c.in.ContentType,
		"CONTENT_LENGTH": strconv.Itoa(len(c.in.Body)),
	})
	if end, ok := ctx.Deadline(); ok {
		env["FAASD_DEADLINE_MS"] = strconv.FormatInt(end.UnixMilli(), 10)
	}
	if c.in.Trace != "" {
		env["TRACEPARENT"] = c.in.Trace
	}
	if r := c.in.Request; r != nil {
		env["REQUEST_METHOD"], env["PATH_INFO"], env["QUERY_STRING"] = r.Method, r.Path, r.Query
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.ContainsRune(env[name], 0) { // which no environment can hold
			list = append(list, name+"="+env[name])
		}
	}
	return list
}

// headerVariable is the variable of a header as CGI names it (RFC 3875, section
// 4.1.18); "" for one that is not passed on. Proxy is not, because programs take
// HTTP_PROXY for the proxy that they are to use (httpoxy.org); nor are names
// with anything but letters, digits and hyphens, which could stand for another.
func headerVariable(name string) string {
	upper := strings.ToUpper(name)
	switch upper {
	case "PROXY", "CONTENT-TYPE", "CONTENT-LENGTH":
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
