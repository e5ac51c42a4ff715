package resolve

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Book has the addresses that hosts were last found to have, in order. Nobody
// changes one that was handed out.
type Book map[string][]netip.Addr

// Split returns the host of an endpoint that has to be looked up, and its port;
// false if there is nothing to look up: the host is an address, or the
// transport has none.
func Split(endpoint string) (host, port string, named bool) {
	host, port, tcp := split(endpoint)
	if !tcp {
		return "", "", false
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "*" {
		return "", "", false
	}
	return host, port, true
}

func split(endpoint string) (host, port string, tcp bool) {
	address, tcp := strings.CutPrefix(endpoint, "tcp://")
	if !tcp {
		return "", "", false
	}
	host, port, err := net.SplitHostPort(address)
	return host, port, err == nil
}

// Hosts returns the names that endpoints have, each once.
func Hosts(lists ...[]string) (hosts []string) {
	for _, list := range lists {
		for _, endpoint := range list {
			if host, _, named := Split(endpoint); named && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	return hosts
}

// Endpoint is a tcp endpoint.
func Endpoint(addr netip.Addr, port string) string {
	return "tcp://" + net.JoinHostPort(addr.String(), port)
}

// Endpoints returns what is to be dialled for endpoints of which some have
// names: one for each address, each once. A name that was not found gives none.
func (b Book) Endpoints(endpoints []string) []string {
	all := []string{}
	for _, endpoint := range endpoints {
		for _, place := range b.places(endpoint) {
			if !slices.Contains(all, place.endpoint) {
				all = append(all, place.endpoint)
			}
		}
	}
	return all
}

// place is one endpoint to dial, and whose it is.
type place struct{ endpoint, host string }

func (b Book) places(endpoint string) []place {
	host, port, named := Split(endpoint)
	if !named {
		host, _, _ := split(endpoint)
		return []place{{endpoint, host}}
	}
	places := make([]place, len(b[host]))
	for i, a := range b[host] {
		places[i] = place{Endpoint(a, port), a.String()}
	}
	return places
}

// Pairs returns what is to be dialled of parts that have two endpoints each:
// first and second name the same parts in the same order. If a name has several
// addresses, each goes with itself, and one that only one of the two names has
// is left out: it is not known what it goes with.
func (b Book) Pairs(first, second []string) (pairs [][2]string) {
	for i := range min(len(first), len(second)) {
		ones, others := b.places(first[i]), b.places(second[i])
		for _, one := range ones {
			for _, other := range others {
				pair := [2]string{one.endpoint, other.endpoint}
				same := one.host == other.host || len(ones) == 1 && len(others) == 1
				if same && !slices.Contains(pairs, pair) {
					pairs = append(pairs, pair)
				}
			}
		}
	}
	return pairs
}
