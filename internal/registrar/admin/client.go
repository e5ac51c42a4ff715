package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/registry"
)

const maxAnswer = 64 << 20 // bytes: 1000 functions with all their versions

// Client asks an admin listener for what a Deployer does. Its errors are a
// *Problem where there was an answer, and wrap ErrNoListener where nobody was
// reached.
type Client struct {
	address string
	within  time.Duration // of an answer that changes nothing
	http    http.Client
}

var _ Deployer = (*Client)(nil)

// NewClient makes a client for an address that ValidAddress takes.
func NewClient(address string) (*Client, error) {
	if err := ValidAddress(address); err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", address, err)
	}
	c := &Client{address: address, within: answerWithin}
	// A connection for each request: only on one that was kept does net/http try a
	// change again by itself.
	c.http.Transport = &http.Transport{DialContext: dial(address), DisableKeepAlives: true}
	return c, nil
}

// Deploy deploys a package. It is read at once, whatever comes of it.
func (c *Client) Deploy(ctx context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(line string)) (r Report, err error) {
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.CloseWithError(writeParts(form, m, pkg)) // nil is the end
	}()
	err = c.do(ctx, request{
		method: http.MethodPut, function: name, path: functionPath(name), body: body, contentType: form.FormDataContentType(), progress: progress,
	}, &r)
	_ = body.Close() // always nil
	<-ended          // the package is the caller's again
	return r, err
}

func writeParts(form *multipart.Writer, m registry.Manifest, pkg io.Reader) error {
	part, err := form.CreateFormField(manifestPart)
	if err != nil {
		return err
	}
	if _, err := part.Write(m.Encode()); err != nil {
		return err
	}
	if part, err = form.CreateFormFile(packagePart, "package.zip"); err != nil {
		return err
	}
	if _, err := io.Copy(part, pkg); err != nil {
		return err
	}
	return form.Close()
}

// Functions are all that are deployed.
func (c *Client) Functions(ctx context.Context) ([]Function, error) {
	var l list
	err := c.do(ctx, request{method: http.MethodGet, path: "/functions"}, &l)
	return l.Functions, err
}

// Function is one that is deployed.
func (c *Client) Function(ctx context.Context, name string) (f Function, err error) {
	err = c.do(ctx, request{method: http.MethodGet, function: name, path: functionPath(name)}, &f)
	return f, err
}

// Rollback makes an earlier version current; 0 is the one before.
func (c *Client) Rollback(ctx context.Context, name string, version uint32, progress func(line string)) (r Report, err error) {
	path := functionPath(name) + "/rollback"
	if version > 0 {
		path += "?version=" + strconv.FormatUint(uint64(version), 10)
	}
	err = c.do(ctx, request{method: http.MethodPost, function: name, path: path, progress: progress}, &r)
	return r, err
}

// Remove removes a function.
func (c *Client) Remove(ctx context.Context, name string, progress func(line string)) (r Report, err error) {
	err = c.do(ctx, request{method: http.MethodDelete, function: name, path: functionPath(name), progress: progress}, &r)
	return r, err
}

func functionPath(name string) string { return "/functions/" + url.PathEscape(name) }

// request is what is asked for.
type request struct {
	method, function, path string
	body                   io.Reader
	contentType            string
	progress               func(line string)
}

// do asks, and reads the answer into the value.
func (c *Client) do(ctx context.Context, ask request, value any) error {
	if ask.progress != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(_ int, head textproto.MIMEHeader) error {
			if line := head.Get(progressHeader); line != "" {
				ask.progress(config.Printable(line))
			}
			return nil
		}})
	}
	limited, cancel := ctx, func() {}
	if ask.method == http.MethodGet {
		limited, cancel = context.WithTimeout(ctx, c.within)
	}
	defer cancel()
	r, err := http.NewRequestWithContext(limited, ask.method, "http://localhost"+ask.path, ask.body)
	if err != nil {
		return err
	}
	if ask.contentType != "" {
		r.Header.Set("Content-Type", ask.contentType)
	}
	answer, err := c.http.Do(r)
	if err != nil && ask.method == http.MethodGet && !dialled(err) && limited.Err() == nil {
		answer, err = c.http.Do(r) // one that had no time for it may have closed the connection
	}
	if err != nil {
		if e := ctx.Err(); e != nil {
			return e
		}
		return c.unanswered(ask.method, err)
	}
	defer answer.Body.Close()
	if answer.Header.Get(listenerHeader) != listenerName {
		return noListener(c.address, fmt.Errorf("something else is there, and says %s", answer.Status), "name the address of its --admin, not that of the public port")
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("admin listener %s: its answer broke off: %w; ask what there is before trying again", c.address, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return problemFrom(answer, text, ask.function)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("admin listener %s: its answer is not understood: %w; is its faasd of another version?", c.address, err)
	}
	return nil
}

func problemFrom(answer *http.Response, text []byte, function string) error {
	p := &Problem{function: function}
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(text, p) != nil || p.Detail == "" {
		return fmt.Errorf("an answer that is none of faasd's, %s: %.200q; is something else at that address?", answer.Status, bytes.TrimSpace(text))
	}
	return p
}
