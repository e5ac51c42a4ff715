package resolve_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/resolve"
	"faasd/internal/resolve/resolvetest"
)

// A phone book is a Lookup whose answers a test says.
type phoneBook struct {
	mu    sync.Mutex
	hosts map[string][]string
	err   error
	asked int
}

func (p *phoneBook) set(err error, addrs ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts, p.err = map[string][]string{"brokers": addrs}, err
}

func (p *phoneBook) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return parse(p.hosts[host]...), p.err
}

func parse(texts ...string) (addrs []netip.Addr) {
	for _, t := range texts {
		addrs = append(addrs, netip.MustParseAddr(t))
	}
	return addrs
}

// A listener notes what it is told.
type listener struct {
	found  []resolve.Book
	failed []error
	urgent atomic.Bool
}

func (l *listener) last() resolve.Book { return l.found[len(l.found)-1] }

// follow has somebody told of "brokers", in virtual time.
func follow(t *testing.T, p *phoneBook) *listener {
	l := &listener{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := &resolve.Resolver{Lookup: p.lookup}
	go r.Follow(ctx, resolve.Watch{
		Hosts:  []string{"brokers"},
		Found:  func(b resolve.Book) { l.found = append(l.found, b) },
		Failed: func(_ string, err error) { l.failed = append(l.failed, err) },
		Urgent: l.urgent.Load,
	})
	synctest.Wait()
	return l
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAChangeIsToldWithinFiveSecondsAndOnlyAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phoneBook{}
		p.set(nil, "10.0.0.3", "10.0.0.2", "::1", "10.0.0.2", "::ffff:10.0.0.3")
		l := follow(t, p)
		if want := parse("10.0.0.2", "10.0.0.3", "::1"); len(l.found) != 1 || !slices.Equal(l.last()["brokers"], want) {
			t.Fatalf("told %v, want %v once", l.found, want)
		}
		pass(time.Minute)
		if len(l.found) != 1 || p.asked > 13 {
			t.Errorf("told %d times, asked %d times in a minute in which nothing changed", len(l.found), p.asked)
		}
		p.set(nil, "10.0.0.4")
		pass(5 * time.Second)
		if len(l.found) != 2 || !slices.Equal(l.last()["brokers"], parse("10.0.0.4")) {
			t.Errorf("told %v", l.found)
		}
	})
}

func TestANameIsLookedUpEachSecondUntilItIsFoundAndWhileItIsUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phoneBook{}
		p.set(errors.New("no such host"))
		l := follow(t, p)
		if len(l.found) != 1 || len(l.found[0]) != 0 {
			t.Errorf("told %v after the first look, want that nothing is known", l.found)
		}
		pass(3 * time.Second)
		p.set(nil, "10.0.0.1")
		pass(time.Second)
		if len(l.found) != 2 {
			t.Errorf("told %v", l.found)
		}
		l.urgent.Store(true)
		pass(time.Second)
		p.set(nil, "10.0.0.2")
		pass(time.Second)
		if len(l.found) != 3 {
			t.Errorf("told %v", l.found)
		}
	})
}

func TestANameThatFailsOrIsEmptyKeepsItsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phoneBook{}
		p.set(nil, "10.0.0.1", "10.0.0.2")
		l := follow(t, p)
		p.set(errors.New("server misbehaving"))
		pass(time.Minute)
		p.set(nil) // none
		pass(time.Minute)
		if len(l.found) != 1 {
			t.Errorf("told %v", l.found)
		}
		if len(l.failed) != 1 || l.failed[0] == nil {
			t.Errorf("failures told: %v, want one", l.failed)
		}
		p.set(nil, "10.0.0.2")
		pass(5 * time.Second)
		if len(l.found) != 2 || len(l.failed) != 2 || l.failed[1] != nil {
			t.Errorf("told %v and %v, want the change and that all is well", l.found, l.failed)
		}
	})
}

func TestARealServerIsAskedForBothKindsOfAddresses(t *testing.T) {
	s := resolvetest.NewServer(t)
	s.Set("brokers.test", "127.0.0.3", "127.0.0.2", "::1")
	addrs, err := s.Resolver().Look(t.Context(), "brokers.test")
	if want := parse("127.0.0.2", "127.0.0.3", "::1"); err != nil || !slices.Equal(addrs, want) {
		t.Errorf("%v, %v, want %v", addrs, err, want)
	}
	for _, c := range []struct {
		name  string
		spoil func()
	}{
		{"no such name", func() { s.Remove("brokers.test") }},
		{"no addresses", func() { s.Set("brokers.test") }},
		{"it fails", func() { s.Refuse(true) }},
		{"it is gone", s.Stop},
	} {
		c.spoil()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if addrs, err := s.Resolver().Look(ctx, "brokers.test"); err == nil {
			t.Errorf("%s: %v, want an error", c.name, addrs)
		}
		cancel()
	}
}

func TestTheSystemsResolverKnowsThisMachine(t *testing.T) {
	addrs, err := new(resolve.Resolver).Look(t.Context(), "localhost")
	if err != nil || !slices.ContainsFunc(addrs, netip.Addr.IsLoopback) {
		t.Errorf("localhost is %v, %v", addrs, err)
	}
}
