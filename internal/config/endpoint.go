package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Limits of ZeroMQ's transports.
const (
	// MaxIPCPath is the longest path of an ipc endpoint in bytes: sun_path of
	// unix(7) has 108 with the closing zero.
	MaxIPCPath = 107
	// maxInproc is the longest name of an inproc endpoint in bytes
	// (zmq_inproc(7)).
	maxInproc = 255
)

// hostRule takes what container platforms use as host names too, underscores
// included.
var hostRule = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$`)

// ValidEndpoint returns nil if a socket can connect to the endpoint:
// tcp://host:port with a port from 1 to 65535, ipc://path with a path of up to
// [MaxIPCPath] bytes, or inproc://name. IPv6 addresses stand in brackets.
func ValidEndpoint(text string) error {
	return checkEndpoint(text, false)
}

// ValidBind returns nil if a socket can bind the endpoint. It takes what
// [ValidEndpoint] takes with these differences for tcp: the host may be "*"
// for all addresses, the port may be 0 for one that the kernel picks, and a
// host must be an address or a network interface, because ZeroMQ looks up no
// names when it binds (zmq_tcp(7)).
func ValidBind(text string) error {
	return checkEndpoint(text, true)
}

func checkEndpoint(text string, bind bool) error {
	transport, address, ok := strings.Cut(text, "://")
	if !ok {
		return errors.New("not an endpoint: write tcp://HOST:PORT, ipc://PATH or inproc://NAME")
	}
	switch transport {
	case "tcp":
		return checkTCP(address, bind)
	case "ipc":
		return checkIPC(address)
	case "inproc":
		return checkInproc(address)
	}
	return fmt.Errorf("unknown transport %q: write tcp://HOST:PORT, ipc://PATH or inproc://NAME", transport)
}

func checkTCP(address string, bind bool) error {
	host, port, err := splitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: write tcp://HOST:PORT, such as tcp://127.0.0.1:8009", err)
	}
	n, err := parsePort(port)
	if err != nil {
		return err
	}
	if bind {
		return checkBindHost(host, port)
	}
	switch {
	case n == 0:
		return errors.New("port 0 cannot be connected to: write the port that the other side printed")
	case host == "*":
		return errors.New("* cannot be connected to: write the other side's host name or address")
	}
	return checkHost(host)
}

func checkBindHost(host, port string) error {
	if host == "*" || isAddress(host) {
		return nil
	}
	if err := checkHost(host); err != nil {
		return err
	}
	if _, err := net.InterfaceByName(host); err != nil {
		return fmt.Errorf("host name %q cannot be bound: write an address of this machine or *, such as tcp://127.0.0.1:%s", host, port)
	}
	return nil
}

func checkHost(host string) error {
	if isAddress(host) || hostRule.MatchString(host) {
		return nil
	}
	return fmt.Errorf("%q is no host: write a host name or an address, an IPv6 address in brackets", host)
}

// isAddress reports whether host is an IP address, an IPv6 one with or without
// a zone, which netip would let be anything.
func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.Zone() == "" || hostRule.MatchString(addr.Zone()))
}

func checkIPC(path string) error {
	switch {
	case path == "" || path == "*" || path == "@" || strings.ContainsRune(path, 0):
		return errors.New("no path: write ipc://PATH, such as ipc:///run/faasd/queueA")
	case len(path) > MaxIPCPath:
		return fmt.Errorf("path of %d bytes: a unix socket takes %d, write a shorter one", len(path), MaxIPCPath)
	}
	return nil
}

func checkInproc(name string) error {
	if name == "" || len(name) > maxInproc || strings.ContainsRune(name, 0) {
		return fmt.Errorf("no name: write inproc://NAME with 1 to %d bytes", maxInproc)
	}
	return nil
}

// ValidHTTPAddr returns nil if HTTP can be served on the address: HOST:PORT,
// or :PORT for all addresses. Port 0 is one that the kernel picks.
func ValidHTTPAddr(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("not an address: write HOST:PORT or :PORT, such as 127.0.0.1:3000")
	}
	if _, err := parsePort(port); err != nil {
		return err
	}
	if host == "" {
		return nil
	}
	return checkHost(host)
}

func splitHostPort(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	switch {
	case err != nil && !strings.Contains(address, ":"):
		return "", "", errors.New("no port")
	case err != nil:
		return "", "", errors.New("not a host and a port")
	case host == "":
		return "", "", errors.New("no host")
	}
	return host, port, nil
}

func parsePort(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("port %q: write a number from 0 to 65535", text)
	}
	return int(n), nil
}

// Dialable is an address that is listened on, "HOST:PORT", as it is reached from
// this machine: all addresses are reached by the loopback.
func Dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
