package proc

import (
	"net"
	"slices"
	"strings"
)

// Detour leads what the parts of a [System] say to each other by another way,
// such as proxies that can be cut. Each part goes on binding 127.0.0.1; what it
// is told to advertise, and what others are told to dial, is the host that the
// Detour names, with the same port.
//
// The methods are called by whoever starts a part, each time it is started.
type Detour interface {
	// Host is under which the others reach the part: a name or an address.
	Host(part string) string
	// Started tells of the part's process, before it can be ready.
	Started(part string, pid int)
	// Bound tells what the part has bound, such as "127.0.0.1:8008", once it is
	// ready. From then on the same ports of its Host are dialled.
	Bound(part string, addresses []string) error
}

// dialled is where others reach what the part has bound for a link.
func (s *System) dialled(p *part, endpoint string) string {
	if s.layout.Detour == nil {
		return endpoint
	}
	_, port, err := net.SplitHostPort(address(endpoint))
	if err != nil {
		return endpoint
	}
	return "tcp://" + net.JoinHostPort(s.layout.Detour.Host(p.name), port)
}

// detour tells the Detour, if there is one, what a part that is ready has bound.
func (s *System) detour(p *part, ready Ready) error {
	if s.layout.Detour == nil || len(ready.Links) == 0 {
		return nil
	}
	var addresses []string
	for _, endpoint := range ready.Links {
		addresses = append(addresses, address(endpoint))
	}
	slices.Sort(addresses)
	return s.layout.Detour.Bound(p.name, addresses)
}

func address(endpoint string) string { return strings.TrimPrefix(endpoint, "tcp://") }
