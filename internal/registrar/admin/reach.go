package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrNoListener: no admin listener of faasd answers at the address.
var ErrNoListener = errors.New("no admin listener of faasd answers")

// answerWithin is how long an answer to a question takes at most, which changes
// nothing: a change that is written to a slow disk at the time holds it up.
const answerWithin = 15 * time.Second

// unanswered says why there is no answer, and what to do. After a change was asked
// for, only that nobody was reached says that nothing has changed.
func (c *Client) unanswered(method string, err error) error {
	switch {
	case dialled(err) && errors.Is(err, fs.ErrPermission):
		return noListener(c.address, reason(err), "run faasctl as the user that this faasd runs as")
	case dialled(err):
		return noListener(c.address, reason(err), start(c.address))
	case method != http.MethodGet:
		return fmt.Errorf("admin listener %s: the connection ended before the answer (%w); see what there is before trying again: faasctl functions", c.address, without(err))
	}
	why := fmt.Errorf("the connection ended without an answer (%w)", without(err))
	if errors.Is(err, context.DeadlineExceeded) {
		why = fmt.Errorf("no answer within %s", c.within)
	}
	return noListener(c.address, why, "see that faasd runs there and, if ssh brings it here, listens at the other end")
}

// start says how there comes to be a listener.
func start(address string) string {
	text := "start one there (faasd up, or faasd frontend --store DIR)"
	if strings.HasPrefix(address, unixPrefix) {
		return text
	}
	return text + ", or bring that of another machine here: ssh -L " + address + ":127.0.0.1:3001 HOST"
}

func noListener(address string, why error, what string) error {
	return fmt.Errorf("%w at %s: %w; %s", ErrNoListener, address, why, what)
}

// dialled reports whether it was a connection that could not be made.
func dialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// reason is why a connection could not be made, without how it was tried.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return without(err)
}

// without takes the method and the address off an error of net/http, which are
// not those that somebody knows.
func without(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
