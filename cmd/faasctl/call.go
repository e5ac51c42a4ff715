package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// answerLate is how long after its own deadline a frontend is waited for.
const answerLate = 3 * time.Second

// call posts the body to the first of the frontends that can be reached.
func (c *invoke) call(ctx context.Context, frontends []string, body []byte) (*answer, error) {
	client := c.client()
	defer client.CloseIdleConnections()
	var unreached []error
	for _, base := range frontends {
		a, err := c.post(ctx, client, base, body)
		var op *net.OpError
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &op) && op.Op == "dial": // nothing was sent
			unreached = append(unreached, fmt.Errorf("cannot reach the frontend at %s: %w", base, plain(op)))
		case err != nil:
			return nil, unanswered(base, err)
		default:
			return a, nil
		}
	}
	err := fmt.Errorf("%w; start a system with `faasd up`, or name a frontend that this machine reaches with --url", errors.Join(unreached...))
	return nil, &config.ExitError{Code: config.ExitNoCluster, Err: err}
}

// unanswered says why there is no answer, and that there may have been a run.
func unanswered(base string, err error) error {
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("the frontend at %s speaks http, not https: write --url http://…", base)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the connection ended")
	}
	return fmt.Errorf("no answer from the frontend at %s: %w; the function may have run, see faasctl status", base, plain(err))
}

// client sends a request as it is and follows nothing. A proxy is for what the
// user named, not for what the cluster named.
func (c *invoke) client() *http.Client {
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: c.within}).DialContext, DisableCompression: true}
	if c.url != "" {
		t.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *invoke) post(ctx context.Context, client *http.Client, base string, body []byte) (*answer, error) {
	if c.timeout > 0 {
		late := fmt.Errorf("nothing within %s, though its deadline was %s", c.timeout+answerLate, c.timeout)
		limited, cancel := context.WithTimeoutCause(ctx, c.timeout+answerLate, late)
		defer cancel()
		ctx = limited
	}
	target := strings.TrimRight(base, "/") + "/" + c.function[0]
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "faasctl/"+config.Version)
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	if c.timeout > 0 {
		r.Header.Set("X-Timeout", c.timeout.String())
	}
	began := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, cause(ctx, err)
	}
	return newAnswer(target, resp, got, time.Since(began)), nil
}

// cause is why a request came to nothing: the end of its time, if that is it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// plain takes off what the caller says itself: method, URL and address.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err
}

// frontends returns where to call, best first.
func (c *invoke) frontends(ctx context.Context) ([]string, error) {
	if c.url != "" {
		return []string{c.url}, nil
	}
	o, picture, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	here, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("cannot find out this machine's name, by which to tell its frontends: %w; name one with --url", err)
	}
	return choose(picture.Frontends, here)
}

// choose returns the URLs of the frontends that can be called from the host
// here: those that are well before those that are about to stop.
func choose(frontends []operator.Part, here string) ([]string, error) {
	var well, others []string
	var why error = errors.New("the cluster has no frontend; start one with `faasd frontend`")
	for _, f := range frontends {
		if f.State == operator.StateLost || f.Frontend == nil {
			continue
		}
		at, err := reach(f.Frontend.HTTP, f.Host, here)
		switch {
		case err != nil:
			why = fmt.Errorf("frontend %s %w", f.Name, err)
		case f.State == operator.StateOK:
			well = append(well, at)
		default:
			others = append(others, at)
		}
	}
	if all := append(well, others...); len(all) > 0 {
		return all, nil
	}
	return nil, fmt.Errorf("%w, or name one that this machine reaches with --url", why)
}

// reach turns the address that a frontend on a host listens on into a URL for
// the host here.
func reach(address, host, here string) (string, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("says that it listens on %q, which is no address; see its version", address)
	}
	ip := net.ParseIP(name)
	switch {
	case host != here && (ip.IsLoopback() || name == "localhost"):
		return "", fmt.Errorf("listens only for its own host %s, on %s; start it with an --http that others reach", host, address)
	case !ip.IsUnspecified() && name != "":
	case host == here || host == "":
		name = "127.0.0.1"
	default:
		name = host
	}
	return "http://" + net.JoinHostPort(name, port), nil
}
