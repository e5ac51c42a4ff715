package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// refuseBrowsers lets through what no page in a browser can send. A page may
// make its browser send requests to loopback: those carry Origin or
// Sec-Fetch-Site, which scripts cannot leave out. One that has its own host name
// resolve to 127.0.0.1 is of the same origin as what answers there, and is known
// by that name in Host.
func refuseBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
			if _, sent := r.Header[header]; sent {
				forbidden("requests with the header " + header + " come from browsers, and no page may deploy; use faasctl or curl").write(w)
				return
			}
		}
		if !isLoopback(r.Host) {
			forbidden("this is only for programs on this machine, which call it localhost or 127.0.0.1, not " + quoted(r.Host)).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func forbidden(detail string) *Problem {
	return &Problem{Type: typePrefix + "forbidden", Status: http.StatusForbidden, Title: "Not from here", Detail: detail}
}

// isLoopback reports whether a host, with or without a port, is this machine by
// a name that no name server decides on.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
