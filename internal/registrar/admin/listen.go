package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"faasd/internal/config"
)

// unixPrefix begins the address of a unix socket.
const unixPrefix = "unix:"

const (
	socketMode     = 0o600
	headersWithin  = 10 * time.Second
	idleWithin     = time.Minute
	maxHeaderBytes = 64 << 10
)

// ValidAddress returns nil if the interface can listen on the address: unix:PATH
// or HOST:PORT, where the host is a loopback address or localhost.
func ValidAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if path == "" || len(path) > config.MaxIPCPath || strings.ContainsRune(path, 0) {
			return fmt.Errorf("not a unix socket: write unix:PATH with a path of up to %d bytes", config.MaxIPCPath)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || config.ValidHTTPAddr(address) != nil {
		return errors.New("not an address: write unix:PATH, or HOST:PORT such as 127.0.0.1:3001")
	}
	if host == "" || !isLoopback(host) {
		return errors.New("who reaches it runs code on the workers: write unix:PATH, or a loopback address such as 127.0.0.1:3001")
	}
	return nil
}

// Listen listens on an address that ValidAddress takes. A unix socket is for
// this user alone, and removed at the end; one that a process which has ended
// left is replaced.
func Listen(address string) (net.Listener, error) {
	if err := ValidAddress(address); err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", address, err)
	}
	path, isUnix := strings.CutPrefix(address, unixPrefix)
	if !isUnix {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("admin listener: %w; choose another port", err)
		}
		return l, nil
	}
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", address, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", address, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("admin listener %s: %w", address, err), l.Close())
	}
	return l, nil
}

// removeStale removes a socket on which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something other than a socket is there: choose another path")
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(errors.New("another process listens there: stop that one, or choose another path"), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// NewServer makes the server of the interface for a listener of Listen.
func NewServer(d Deployer) *http.Server {
	return &http.Server{
		Handler: NewHandler(d), ReadHeaderTimeout: headersWithin, IdleTimeout: idleWithin, MaxHeaderBytes: maxHeaderBytes,
	}
}

// dial returns how to reach the address.
func dial(address string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
}
