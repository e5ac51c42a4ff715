package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// client is an HTTP client that knows its connections.
type client struct {
	url   string
	http  *http.Client
	dials atomic.Int32
}

func newClient(url string) *client {
	c := &client{url: url}
	var d net.Dialer
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c.dials.Add(1)
			return d.DialContext(ctx, network, address)
		},
	}}
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer is what came back for a request.
type answer struct {
	status                 int
	body                   []byte
	queue, worker, attempt string // as the headers say
	local                  string // the client's end of the connection
	took                   time.Duration
}

// text returns a body that no other request has.
func text(test, request int) string {
	return fmt.Sprintf(`{"hola":"mundo ✓","id":"%d-%d-%s"}`, test, request, strconv.FormatInt(time.Now().UnixNano(), 36))
}

// post sends a body to /echo and reads the whole answer.
func (c *client) post(ctx context.Context, body string) (answer, error) {
	var a answer
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { a.local = i.Conn.LocalAddr().String() },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/echo", strings.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.body, err = io.ReadAll(res.Body)
	a.took, a.status = time.Since(began), res.StatusCode
	a.queue, a.worker = res.Header.Get("X-Faasd-Queue"), res.Header.Get("X-Faasd-Worker")
	a.attempt = res.Header.Get("X-Faasd-Attempt")
	return a, err
}

// echo sends a body to /echo, which must come back, and soon. Otherwise what
// the bus shows then is part of the error.
func (c *client) echo(ctx context.Context, s System, body string) (answer, error) {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(answerWithin, func() { // looks before giving up, which takes the job out of its queue
		cancel(fmt.Errorf("none; on the bus: %s", describe(s.Picture())))
	})
	defer timer.Stop()
	a, err := c.post(bounded, body)
	if err != nil {
		if bounded.Err() != nil {
			err = context.Cause(bounded)
		}
		return a, &failure{fmt.Sprintf("an answer within %s", answerWithin), err.Error()}
	}
	return a, a.echoes(body)
}

// echoes checks that an answer is the request's own body.
func (a answer) echoes(body string) error {
	if a.status == http.StatusOK && bytes.Equal(a.body, []byte(body)) {
		return nil
	}
	return &failure{"200 with the body " + body, fmt.Sprintf("%d with the body %.300s", a.status, a.body)}
}

// by says who served the request.
func (a answer) by() string { return a.worker + " of " + a.queue }
