package bus

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	if err := checkEndpoint(endpoint); err != nil {
		return "", fmt.Errorf("cannot bind %s to %q: %w", l.Name, endpoint, err)
	}
	if l.bound == nil {
		s, err := h.open(l, "", true)
		if err != nil {
			return "", fmt.Errorf("cannot bind %s to %q: %w", l.Name, endpoint, err)
		}
		l.bound = s
	}
	bound, err = l.bound.bind(endpoint)
	if err != nil {
		return "", fmt.Errorf("cannot bind %s to %q: %w", l.Name, endpoint, explainBind(endpoint, err))
	}
	h.setReady(l.bound) // binding empties the mailbox, like sending
	h.log.Info("bound", "link", l.Name, "endpoint", bound)
	return bound, nil
}

func (s *socket) bind(endpoint string) (bound string, err error) {
	if err := s.setFamily(endpoint); err != nil {
		return "", err
	}
	if err := s.zmq.Bind(endpoint); err != nil {
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

// checkEndpoint finds what libzmq would not say clearly, or at all.
func checkEndpoint(endpoint string) error {
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok || rest == "" {
		return errors.New("not an endpoint; write tcp://HOST:PORT, ipc://PATH or inproc://NAME")
	}
	switch scheme {
	case "tcp":
		if _, _, err := net.SplitHostPort(rest); err != nil {
			return errors.New("not an address with a port; write tcp://HOST:PORT, with * for all addresses or any port")
		}
	case "ipc":
		return checkIPC(rest)
	case "inproc":
	default:
		return fmt.Errorf("unknown transport %q; use tcp, ipc or inproc", scheme)
	}
	return nil
}

// checkIPC keeps libzmq from taking a path from a process that listens on it:
// it deletes what is there before it binds.
func checkIPC(path string) error {
	if strings.HasPrefix(path, "@") || path == "*" { // abstract names, and a path of libzmq's choice
		return nil
	}
	if n := len(path); n > maxIPCPath {
		return fmt.Errorf("the path has %d bytes, and a unix socket's has at most %d; use a shorter folder", n, maxIPCPath)
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

// explainBind adds what to do to what libzmq says.
func explainBind(endpoint string, err error) error {
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
		hint = "permission denied: use a port above 1023, or a folder that this user may write to"
	case errInvalid:
		hint = "not a usable endpoint; write tcp://HOST:PORT (port 0 to 65535) or ipc://PATH"
	case errTooManyFiles, zmq.EMTHREAD:
		hint = "raise the limit on open files (ulimit -n)"
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, hint)
}
