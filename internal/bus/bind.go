package bus

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// maxIPCPath is the longest path, in bytes, of a unix socket on Linux.
const maxIPCPath = 107

// probeTimeout bounds the look at whether somebody listens on an ipc path.
const probeTimeout = 200 * time.Millisecond

// What the system says of an endpoint.
const (
	errInvalid      = zmq.Errno(syscall.EINVAL)
	errTooManyFiles = zmq.Errno(syscall.EMFILE)
	errNoDevice     = zmq.Errno(syscall.ENODEV)
	errNotPermitted = zmq.Errno(syscall.EACCES)
)

// Bind opens an endpoint of a link and returns it as others can dial it, with
// the port that was chosen when 0 or * was asked for. ("tcp://*:0" gives
// "tcp://0.0.0.0:PORT", which only says that all addresses are bound.) A link
// can be bound to several endpoints; they share one socket. Bind before Run.
//
// The error is one line that says what failed, on what, and what to do.
func (h *Host) Bind(id role.Link, endpoint string) (bound string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun {
		return "", fmt.Errorf("bus: cannot bind %s: the host has begun to run or is closed", endpoint)
	}
	l := h.link(id)
	if l == nil {
		return "", fmt.Errorf("bus: no link %d to bind %s for", id, endpoint)
	}
	if bound, err = h.bind(l, endpoint); err != nil {
		return "", fmt.Errorf("cannot bind %s to %q: %w", l.Name, endpoint, err)
	}
	h.log.Debug("bound", "link", l.Name, "endpoint", bound)
	return bound, nil
}

func (h *Host) bind(l *link, endpoint string) (bound string, err error) {
	if err := checkEndpoint(endpoint); err != nil {
		return "", err
	}
	if err := checkIPC(endpoint); err != nil {
		return "", err
	}
	if l.bound == nil {
		s, err := h.open(l, "", true)
		if err != nil {
			return "", err
		}
		if err := h.watch(s); err != nil {
			h.close(s)
			return "", err
		}
		l.bound = s
	}
	if bound, err = l.bound.bind(h.ctx, endpoint); err != nil {
		return "", explain(endpoint, err)
	}
	h.setReady(l.bound) // binding empties the mailbox, like sending
	return bound, nil
}

func (s *socket) bind(ctx *Context, endpoint string) (bound string, err error) {
	if err := s.setFamily(endpoint); err != nil {
		return "", err
	}
	if isInproc(endpoint) {
		err = ctx.bindInproc(s, endpoint)
	} else {
		err = s.zmq.Bind(endpoint)
	}
	if err != nil {
		return "", err
	}
	bound, err = s.zmq.GetLastEndpoint()
	if err != nil {
		return "", err
	}
	s.endpoints = append(s.endpoints, bound)
	return bound, nil
}

func isInproc(endpoint string) bool { return strings.HasPrefix(endpoint, "inproc://") }

// errEndpoint says what an endpoint looks like.
var errEndpoint = errors.New("not an endpoint; write tcp://HOST:PORT, ipc://PATH or inproc://NAME")

// checkEndpoint finds what libzmq would not say clearly, or at all: it takes
// port 70000 for 4464.
func checkEndpoint(endpoint string) error {
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok || rest == "" {
		return errEndpoint
	}
	switch scheme {
	case "tcp":
		_, port, err := net.SplitHostPort(rest)
		if err != nil {
			return errEndpoint
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "*" {
			return fmt.Errorf("%q is not a port; use 0 to 65535", port)
		}
	case "ipc":
		if n := len(rest); n > maxIPCPath {
			return fmt.Errorf("the path has %d bytes, and a unix socket's has at most %d; use a shorter folder", n, maxIPCPath)
		}
	case "inproc":
	default:
		return fmt.Errorf("unknown transport %q; use tcp, ipc or inproc", scheme)
	}
	return nil
}

// checkIPC keeps libzmq from taking a path from a process that listens on it:
// it deletes what is there before it binds.
func checkIPC(endpoint string) error {
	path, ok := strings.CutPrefix(endpoint, "ipc://")
	if !ok || path == "*" || strings.HasPrefix(path, "@") { // a path of libzmq's choice, an abstract name
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return fmt.Errorf("no usable folder: %w; create it first", err)
		}
		return nil
	}
	if info.Mode().Type() != os.ModeSocket {
		return errors.New("a file that is not a socket is in the way; remove it or use another path")
	}
	if conn, err := net.DialTimeout("unix", path, probeTimeout); err == nil {
		_ = conn.Close()
		return errors.New("address already in use; stop the process that listens on it, or use another path")
	}
	return nil
}

// explain adds what to do to what libzmq says.
func explain(endpoint string, err error) error {
	hint := ""
	switch zmq.AsErrno(err) {
	case zmq.EADDRINUSE:
		hint = "stop the process that uses it, or bind another (port 0 picks a free one)"
		if isInproc(endpoint) {
			hint = "another link of this process has the name"
		}
	case zmq.EADDRNOTAVAIL, errNoDevice:
		hint = "this machine has no such address; bind one of its own, or * for all"
	case errNotPermitted:
		hint = "use a port above 1023, or a folder that this user may write to"
	case errInvalid:
		return errEndpoint
	case errTooManyFiles, zmq.EMTHREAD:
		hint = "raise the limit on open files (ulimit -n)"
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, hint)
}
