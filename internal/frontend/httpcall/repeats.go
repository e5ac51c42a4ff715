package httpcall

import (
	"container/list"
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

const (
	// keptFor is how long an answer is kept for repeats of its call: whoever did not
	// get it tries again after 20 s at most, as the AWS SDKs do.
	keptFor = time.Minute
	// alone is how long a call that may be repeated goes on with nobody waiting for
	// it: a client whose own patience has ended goes away before it tries again.
	alone = 30 * time.Second
	// keptBytes is what all answers that are kept may have, keptFlat what each is
	// taken to need besides its body. The oldest go first.
	keptBytes = 64 << 20
	keptFlat  = 1 << 10
)

// errAnotherBody: the key is that of a call with another body.
var errAnotherBody = errors.New("the key was used with another body")

// A repeatKey says which calls are the same: a client gives each an id.
type repeatKey struct{ function, qualifier, id string }

// An outcome is what came of a call.
type outcome struct {
	id      wire.JobID // of the job that was run
	answer  frontend.Answer
	refused frontend.Refused
	err     error
}

// repeats are the calls that may come again: those that are open, and those that
// were answered a moment ago. Each runs once. They are this frontend's own: a
// repeat that comes by another one runs again.
type repeats struct {
	run  func(context.Context, frontend.Request) (frontend.Answer, frontend.Refused, error)
	seed maphash.Seed

	mu       sync.Mutex
	calls    map[repeatKey]*repeatable // guarded by mu, as what follows
	kept     list.List                 // of *repeatable: the answered ones, oldest first
	bytes    int64                     // of kept
	timer    *time.Timer               // drops the oldest; nil if none is kept
	patience time.Duration             // that open calls have with nobody waiting: alone, none once the frontend stops
}

// A repeatable is one call that may come again.
type repeatable struct {
	key     repeatKey
	body    uint64 // hash
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int         // guarded by repeats.mu, as what follows
	lonely  *time.Timer // ends it if nobody comes; nil while somebody waits
	out     outcome     // once done is closed
	until   time.Time   // is kept
	size    int64
}

func (r *repeats) begin(run func(context.Context, frontend.Request) (frontend.Answer, frontend.Refused, error)) {
	r.run, r.seed, r.calls, r.patience = run, maphash.MakeSeed(), make(map[repeatKey]*repeatable), alone
}

// call runs a request, or waits for the one of its key that runs or has run.
func (r *repeats) call(ctx context.Context, key repeatKey, q frontend.Request) outcome {
	body := maphash.Bytes(r.seed, q.Body)
	r.mu.Lock()
	c := r.calls[key]
	if c == nil {
		c = r.start(key, body, q)
	}
	if c.body != body {
		r.mu.Unlock()
		return outcome{err: errAnotherBody}
	}
	c.waiting++
	if c.lonely != nil {
		c.lonely.Stop()
		c.lonely = nil
	}
	r.mu.Unlock()
	select {
	case <-c.done:
		return c.out
	case <-ctx.Done():
		r.leave(c)
		return outcome{err: ctx.Err()}
	}
}

// start runs a request for whoever will wait for it.
func (r *repeats) start(key repeatKey, body uint64, q frontend.Request) *repeatable {
	ctx, cancel := context.WithCancel(context.Background())
	c := &repeatable{key: key, body: body, done: make(chan struct{}), cancel: cancel}
	r.calls[key] = c
	go func() {
		defer cancel()
		out := outcome{id: q.ID}
		out.answer, out.refused, out.err = r.run(ctx, q)
		r.finish(c, out)
	}()
	return c
}

// leave is called by one who does not wait any more.
func (r *repeats) leave(c *repeatable) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.lonely = time.AfterFunc(r.patience, func() { r.abandon(c) })
	}
}

// end gives up the calls that nobody waits for, those of later too: whoever
// would come back comes to a frontend that has stopped.
func (r *repeats) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patience = 0
	for _, c := range r.calls {
		if c.lonely != nil {
			c.lonely.Reset(0)
		}
	}
}

// abandon ends a call that nobody has come back for.
func (r *repeats) abandon(c *repeatable) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.waiting == 0 && c.until.IsZero() {
		r.forget(c)
		c.cancel()
	}
}

// finish gives a call's outcome to those who wait, and keeps it if the call was
// accepted: one that was refused did not run, and may be tried again.
func (r *repeats) finish(c *repeatable, out outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.out = out
	close(c.done)
	if c.lonely != nil {
		c.lonely.Stop()
	}
	c.size = keptFlat + int64(len(out.answer.Body)+len(out.answer.LogTail))
	if out.err != nil || out.refused.Why != frontend.Accepted || c.size > keptBytes/4 {
		r.forget(c)
		return
	}
	c.until = time.Now().Add(keptFor)
	r.kept.PushBack(c)
	r.bytes += c.size
	r.drop()
}

// drop forgets answers whose time is over, or that there is no room for.
func (r *repeats) drop() {
	now := time.Now()
	for r.kept.Len() > 0 {
		oldest := r.kept.Front().Value.(*repeatable)
		if left := oldest.until.Sub(now); left > 0 && r.bytes <= keptBytes {
			if r.timer == nil {
				r.timer = time.AfterFunc(left, r.expire)
			}
			return
		}
		r.kept.Remove(r.kept.Front())
		r.bytes -= oldest.size
		r.forget(oldest)
	}
}

func (r *repeats) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = nil
	r.drop()
}

// forget makes the next of its key a new call.
func (r *repeats) forget(c *repeatable) {
	if r.calls[c.key] == c {
		delete(r.calls, c.key)
	}
}
