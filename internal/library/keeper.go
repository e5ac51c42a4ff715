package library

import (
	"context"
	"time"

	"faasd/internal/wire"
)

// A keeper makes one version ready before it is called, and tries again what
// cannot be made ready.
type keeper struct {
	version *version
	trying  bool               // it is to be started once, to see whether it comes up
	end     context.CancelFunc // nobody wants to know any more

	// Guarded by Library.mu.
	settled bool         // it was made ready, or could not be
	broken  *wire.Broken // why it could not; nil if it could
}

// keeps reports whether the keeper may go on when its version is tried, or is
// not. One that is ready is, whatever it was made ready for.
func (k *keeper) keeps(trying bool) bool {
	return k.trying == trying || k.settled && k.broken == nil
}

// prepareAgain is after how long a version is made ready again that could not
// be: what was missing may be there then.
const prepareAgain = 10 * time.Second

// newKeeper has a version made ready until ctx or its keeper ends.
func (l *Library) newKeeper(ctx context.Context, v *version, trying bool) *keeper {
	ctx, end := context.WithCancel(ctx)
	k := &keeper{version: v, trying: trying, end: end}
	v.hold() // it has not been let go of: it is on the shelf
	l.retired.Go(func() {
		defer v.release()
		defer end()
		l.keep(ctx, k)
	})
	return k
}

// keep makes the keeper's version ready, again and again until that succeeds.
func (l *Library) keep(ctx context.Context, k *keeper) {
	turns := l.others
	if k.trying {
		turns = l.tried
	}
	again := time.NewTicker(prepareAgain)
	defer again.Stop()
	for {
		var err error
		if !turns.use(ctx, func() { err = l.ready(ctx, k) }) || ctx.Err() != nil {
			return
		}
		if l.settle(k, err); err == nil {
			return
		}
		again.Reset(prepareAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// ready makes the keeper's version ready, and tries it if it is to be tried.
func (l *Library) ready(ctx context.Context, k *keeper) error {
	if err := l.prepare(ctx, k.version); err != nil || !k.trying {
		return err
	}
	return k.version.check(ctx)
}

// settle takes what has come of a version.
func (l *Library) settle(k *keeper, err error) {
	var broken *wire.Broken
	if err != nil {
		b := l.whyBroken(k.version, err)
		b.Log = l.printed(k.version)
		broken = &b
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k.settled, k.broken = true, broken
	l.tell()
}

// preparing is how many versions are made ready at a time, of those that are
// tried and of the others each.
const preparing = 4

// places bounds how much is done at a time.
type places chan struct{}

// placeFor is how long a place is kept. Who needs longer waits for something
// rather than keeps the machine busy, such as a package that does not come, or a
// process that does not come up, and is not to have others wait with it.
const placeFor = time.Second

// use does something once there is a place for it; false if ctx ends before.
func (p places) use(ctx context.Context, do func()) bool {
	select {
	case p <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	leave := time.AfterFunc(placeFor, func() { <-p })
	defer func() {
		if leave.Stop() {
			<-p
		}
	}()
	do()
	return true
}
