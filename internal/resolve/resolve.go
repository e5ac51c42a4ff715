// Package resolve looks host names up, again and again: a name stands for as
// many parts as it has addresses, and they come and go. It knows nothing of
// what is done with the addresses.
package resolve

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Lookup returns all addresses of a host name, IPv4 and IPv6, in any order.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Resolver says how names are looked up, and how often. The zero value asks as
// Go's resolver does: /etc/hosts and what /etc/resolv.conf names.
type Resolver struct {
	Lookup Lookup
	Every  time.Duration // from one look to the next; 0 is 5 s
	Hurry  time.Duration // the same while it is urgent; 0 is 1 s
}

const (
	defaultEvery = 5 * time.Second
	defaultHurry = time.Second

	// answerWithin bounds a lookup: what Go's resolver takes to give one server up.
	answerWithin = 5 * time.Second
)

func (r *Resolver) times() (every, hurry time.Duration) {
	every, hurry = defaultEvery, defaultHurry
	if r != nil && r.Every > 0 {
		every = r.Every
	}
	if r != nil && r.Hurry > 0 {
		hurry = r.Hurry
	}
	return every, hurry
}

// Look returns a name's addresses: each once, IPv4 first, in order; never none
// without an error.
func (r *Resolver) Look(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	lookup := system
	if r != nil && r.Lookup != nil {
		lookup = r.Lookup
	}
	found, err := lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	addrs := make([]netip.Addr, len(found))
	for i, a := range found {
		addrs[i] = a.Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), nil
}

func system(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
