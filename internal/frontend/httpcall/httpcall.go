// Package httpcall is what the HTTP adapters of a frontend have in common: a
// function's call from its header to its answer, what it may cost, what can go
// wrong with it, and its repeats. How an answer looks is each adapter's matter.
package httpcall

import (
	"context"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpserver"
)

// Config is what is promised of calls.
type Config struct {
	MaxBody    int64         // bytes of a request's body, at most
	MaxBodies  int64         // bytes of all large bodies held at a time
	Timeout    time.Duration // for a request, from its header to its answer; X-Timeout may shorten it
	MaxTimeout time.Duration // the most that a function's own timeout may lengthen that to
	Observe    func(status int, took time.Duration)
}

// Gateway is what calls need of a frontend; *frontend.Gateway has it.
type Gateway interface {
	Resolve(ctx context.Context, function, qualifier string) (info frontend.FunctionInfo, why frontend.Refusal, err error)
	Call(ctx context.Context, q frontend.Request) (frontend.Answer, frontend.Refused, error)
	Refusal(ctx context.Context, q frontend.Request) (frontend.Refused, error)
	Full(ctx context.Context, function string) (frontend.Refused, error)
}

var _ Gateway = (*frontend.Gateway)(nil)

// Calls are those that a frontend serves, by whichever adapter they come.
type Calls struct {
	cfg     Config
	gateway Gateway
	bodies  bodies
	repeats repeats
}

// New makes what serves calls in front of a gateway.
func New(cfg Config, g Gateway) *Calls {
	c := &Calls{cfg: cfg, gateway: g, bodies: bodies{most: cfg.MaxBodies}}
	c.repeats.begin(g.Call)
	return c
}

// Stop ends the calls that nobody waits for. Those that somebody waits for go on.
func (c *Calls) Stop() { c.repeats.end() }

// MaxBody is how many bytes a request's body may have.
func (c *Calls) MaxBody() int64 { return c.cfg.MaxBody }

// A Route has the requests whose path begins with Prefix.
type Route struct {
	Prefix string
	Serve  func(*httpserver.Exchange)
}

// Handler serves the routes. A request is the first one's that has its path; the
// last should have all, with the prefix "".
func (c *Calls) Handler(routes ...Route) func(*httpserver.Exchange) {
	return func(x *httpserver.Exchange) {
		for _, route := range routes {
			if strings.HasPrefix(x.Path(), route.Prefix) {
				route.Serve(x)
				break
			}
		}
		status, at := x.Answered()
		c.cfg.Observe(status, at.Sub(x.Began()))
	}
}
