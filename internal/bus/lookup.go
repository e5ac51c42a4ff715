package bus

import (
	"context"
	"net/netip"
	"slices"

	"faasd/internal/resolve"
	"faasd/internal/role"
)

// dialHost connects a socket to a host whose name is looked up now, and again as
// long as the socket is open. libzmq would do it in the thread that does all its
// I/O: while DNS is silent, no connection of the process would live.
func (h *Host) dialHost(s *socket, host, port string) {
	ctx, cancel := context.WithCancel(context.Background())
	s.unfollow = cancel
	inTurn := func(do func()) {
		h.Do(func(role.Time) {
			if !s.closed {
				do()
			}
		})
	}
	go h.ctx.Resolver.Follow(ctx, resolve.Watch{
		Hosts: []string{host},
		Found: func(b resolve.Book) { inTurn(func() { h.found(s, b[host], port) }) },
		Failed: func(_ string, err error) {
			if err == nil {
				return
			}
			inTurn(func() {
				h.warn(s.link, "a part is to be reached at a host that cannot be looked up; start that part with --advertise and a name or an address under which others reach it",
					"host", host, "error", err)
			})
		},
	})
}

// found connects a socket to an address of its host, and to another one when the
// host has moved. An answer without any address of the kind that is in use may
// be half an answer, and moves nothing.
func (h *Host) found(s *socket, addrs []netip.Addr, port string) {
	if len(addrs) == 0 || slices.Contains(addrs, s.addr) {
		return
	}
	next := addrs[0]
	if s.addr.IsValid() && next.Is4() != s.addr.Is4() {
		return
	}
	endpoint := resolve.Endpoint(next, port)
	err := s.setFamily(endpoint)
	if err == nil {
		err = s.zmq.Connect(endpoint)
	}
	if err == nil && s.addr.IsValid() {
		h.log.Info("a host has another address", "link", s.link.Name, "endpoint", s.dialledTo, "address", next, "before", s.addr)
		err = s.zmq.Disconnect(resolve.Endpoint(s.addr, port))
	}
	if err != nil {
		h.warn(s.link, "dialling failed", "endpoint", endpoint, "error", explain(endpoint, err))
	}
	s.addr = next
	h.touched(s)
}
