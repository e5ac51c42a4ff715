package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"faasd/internal/config"
)

// health asks a process that runs here whether it is ready: for containers'
// health checks, in images that have no other program that could.
type health struct {
	metrics string
	alive   bool
	within  time.Duration
}

func (c *health) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "health",
		Summary:     "ask a part of this machine whether it is ready",
		Description: "Asks GET /readyz where the part serves its metrics, or /healthz with --alive. Exit code 0 if it is; 1 if it is not, or does not answer, with the reason.",
		Examples:    []string{"faasd health --metrics :9100", "FAASD_METRICS=:9100 faasd health"},
	})
	metricsAddr(s, &c.metrics, "what the part was given as --metrics; all addresses are reached by the loopback").Required()
	s.Bool(&c.alive, "alive", false, "ask only whether it hangs, by GET /healthz")
	s.Duration(&c.within, "within", 5*time.Second, time.Millisecond, time.Hour, "how long it is waited for")
	return s
}

func (c *health) Validate() error { return nil }

// mostSaid bounds what is read of an answer.
const mostSaid = 64 << 10

func (c *health) Run(ctx context.Context, std config.Stdio) error {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	address, path, well := config.Dialable(c.metrics), "/readyz", "ready"
	if c.alive {
		path, well = "/healthz", "alive"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req) // no proxy
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", c.within)
		}
		return fmt.Errorf("%s: %w; is the part running, with --metrics?", address, plain(err))
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, mostSaid))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	text := strings.TrimSpace(string(said))
	switch resp.StatusCode {
	case http.StatusOK:
		fmt.Fprintln(std.Out, well)
		return nil
	case http.StatusServiceUnavailable:
		return fmt.Errorf("not %s: %s", well, config.Printable(strings.ReplaceAll(text, "\n", "; ")))
	}
	return fmt.Errorf("%s answered %s to GET %s: no part of faasd serves its metrics there", address, resp.Status, path)
}

// plain takes the method and URL, which are the same each time, off a client's
// error.
func plain(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
