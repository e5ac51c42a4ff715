package resolve

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Watch is who wants to know of some hosts. Its functions are called one at a
// time, by the goroutine in Follow.
type Watch struct {
	Hosts []string // names, each once; see Hosts

	// Found is told after the first look, whatever came of it, and then
	// whenever addresses have changed. A name that cannot be looked up, or has
	// no addresses, keeps those that it had.
	Found func(Book)

	// Failed is told that a name cannot be looked up, once until it can; then
	// with nil.
	Failed func(host string, err error)

	// Urgent reports whether nobody behind the names is reached at present, so
	// that they are looked up more often. Nil is never. It is so anyway while a
	// name has not been found.
	Urgent func() bool
}

// Follow looks w's hosts up until ctx ends.
func (r *Resolver) Follow(ctx context.Context, w Watch) {
	if len(w.Hosts) == 0 {
		return
	}
	every, hurry := r.times()
	book := Book{}
	failing := make(map[string]bool)
	tick := time.NewTicker(min(every, hurry))
	defer tick.Stop()
	for first := true; ; first = false {
		next := r.pass(ctx, w, book, failing)
		if ctx.Err() != nil {
			return
		}
		if first || !maps.EqualFunc(next, book, slices.Equal[[]netip.Addr]) {
			w.Found(next)
		}
		book = next
		looked := time.Now()
		for due := false; !due; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			due = time.Since(looked) >= every || len(book) < len(w.Hosts) || w.Urgent != nil && w.Urgent()
		}
	}
}

// pass looks all names up at once, and returns book with what was found.
func (r *Resolver) pass(ctx context.Context, w Watch, book Book, failing map[string]bool) Book {
	type answer struct {
		host  string
		addrs []netip.Addr
		err   error
	}
	answers := make(chan answer)
	for _, host := range w.Hosts {
		go func() {
			addrs, err := r.Look(ctx, host)
			answers <- answer{host, addrs, err}
		}()
	}
	next := maps.Clone(book)
	for range w.Hosts {
		a := <-answers
		if ctx.Err() != nil {
			continue // it says nothing of the name
		}
		if a.err == nil {
			next[a.host] = a.addrs
		}
		if bad := a.err != nil; bad != failing[a.host] {
			failing[a.host] = bad
			w.Failed(a.host, a.err)
		}
	}
	return next
}
