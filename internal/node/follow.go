package node

import (
	"context"
	"net/netip"

	"faasd/internal/resolve"
	"faasd/internal/role"
)

// finder is a machine that is told where others are while it runs.
type finder interface {
	// Alone reports whether the machine reaches nobody of a kind that it needs.
	Alone() bool
}

// follow has a machine told where others are, as long as the part runs, if some
// of the endpoints that it was given have hosts to look up. tell is called in the
// owner's turn.
func (p *Part) follow(m finder, tell func(now role.Time, book resolve.Book), lists ...[]string) {
	hosts := resolve.Hosts(lists...)
	if len(hosts) == 0 {
		return
	}
	p.background = append(p.background, func(ctx context.Context) {
		p.resolver.Follow(ctx, resolve.Watch{
			Hosts:  hosts,
			Found:  func(b resolve.Book) { p.host.Do(func(now role.Time) { tell(now, b) }) },
			Failed: p.lookupFailed,
			Urgent: func() (alone bool) {
				p.turn(func(role.Time) { alone = m.Alone() })
				return alone
			},
		})
	})
}

func (p *Part) lookupFailed(host string, err error) {
	if err == nil {
		p.log.Info("the name can be looked up now", "host", host)
		return
	}
	p.log.Warn("a name that others are reached by cannot be looked up; going on with the addresses known so far", "host", host, "error", err)
}

// checkName warns if others are told to reach this part by the machine's own
// name though not even the machine itself can look it up, or only as an address
// that nobody else reaches.
func (p *Part) checkName(host string) {
	p.background = append(p.background, func(ctx context.Context) {
		addrs, err := p.resolver.Look(ctx, host)
		var reason string
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			reason = err.Error()
		case onlyLoopback(addrs):
			reason = "here it is " + addrs[0].String() + ", which no other machine reaches"
		default:
			return
		}
		p.log.Warn("others are told to reach this part by the machine's name, which they may not be able to look up; give --advertise a name or an address under which they reach it",
			"host", host, "why", reason)
	})
}

func onlyLoopback(addrs []netip.Addr) bool {
	for _, a := range addrs {
		if !a.IsLoopback() {
			return false
		}
	}
	return true
}
