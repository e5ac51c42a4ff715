package worker

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/function"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// A shelf is a library that says what the test says.
type shelf struct {
	changes chan struct{}

	mu      sync.Mutex // guards what follows
	serves  wire.Serves
	applied []uint64 // revisions
}

func (l *shelf) Apply(_ context.Context, c *wire.Catalogue) {
	l.mu.Lock()
	l.applied = append(l.applied, c.Revision)
	l.mu.Unlock()
	l.say(wire.Serves{Applied: c.Of(), Preparing: []wire.Preparing{{Function: "slow", Version: 1}}})
}

func (l *shelf) say(s wire.Serves) {
	l.mu.Lock()
	l.serves = s
	l.mu.Unlock()
	select {
	case l.changes <- struct{}{}:
	default:
	}
}

func (l *shelf) Changes() <-chan struct{} { return l.changes }

func (l *shelf) Serves() wire.Serves {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.serves
}

func (l *shelf) Invoke(context.Context, function.Invocation) (function.Result, uint32, error) {
	return function.Result{}, 0, nil
}
func (l *shelf) Tail(string, string, int) string         { return "" }
func (l *shelf) Lines(wire.LogsWanted) (n wire.LogLines) { return n }

func TestTheQueueHearsAtOnceThatACatalogueIsGoneByAndThenWhatIsReadyNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := atQueue(t, 1)
		r := NewRunner(s.m, nil)
		began := time.Now()
		var told []time.Duration
		var last wire.Serves
		turns := make(chan func(role.Time), 10)
		r.Attach(func() role.Time { return s.now }, func(fn func(role.Time)) bool { turns <- fn; return true })
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
			for len(turns) > 0 {
				(<-turns)(s.now)
				told, last = append(told, time.Since(began)), *s.m.serves
			}
		}
		l := &shelf{changes: make(chan struct{}, 1)}
		r.Use(l)
		s.catalogue(7)
		r.Effects()
		pass(0)
		if len(told) != 1 || told[0] != 0 || last.Revision != 7 || len(last.Preparing) != 1 {
			t.Fatalf("told at %v is %+v; want at once that revision 7 is gone by", told, last)
		}
		for n := range 1000 { // one after the other becomes ready within a second
			l.say(wire.Serves{Applied: wire.Applied{Store: 5, Revision: 7}, Functions: make([]string, n+1)})
			pass(time.Millisecond)
		}
		if len(told) < 5 || len(told) > 20 {
			t.Errorf("told %d times of 1000 changes, at %v", len(told), told)
		}
		pass(time.Second)
		if len(last.Functions) != 1000 {
			t.Errorf("told last are %d functions, want all", len(last.Functions))
		}
		s.catalogue(8)
		r.Effects()
		pass(0)
		if last.Revision != 8 {
			t.Errorf("told last is revision %d", last.Revision)
		}
		r.Leave(s.now)
		synctest.Wait()
	})
}
