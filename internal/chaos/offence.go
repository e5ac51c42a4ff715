package chaos

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"faasd/internal/registry"
)

// An offence is how a function can behave badly.
type offence struct {
	name    string   // of the function
	does    string   // for people
	guest   []string // arguments of internal/chaos/guest
	module  []byte   // is run by the worker itself, instead of the guest
	kind    registry.Kind
	timeout time.Duration // of a call
	memory  int64         // bytes
	at      int           // calls that a process takes at a time

	// every is that there is a caller for each slot: while all slots are held,
	// others wait for one, and how long is not judged.
	every bool

	comesTo ending   // what calls must come to
	or      []ending // and what some may
}

// callers call an offender at a time.
const callers = 2

// An ending is how a call can end.
type ending struct {
	status int
	says   string // somewhere in its body; "": exactly what was sent
}

const (
	mega = 1 << 20
	giga = 1 << 30
)

// What calls come to.
const (
	ok        = 200
	notRun    = 502 // it did not survive the call, or answered what cannot be
	outOfTime = 504
	nothing   = "\x00" // is said where an answer has no byte
)

var (
	echoed   = ending{status: ok}
	timedOut = ending{outOfTime, "timed out"}
)

// moduleFile is what an offender's module is called in its package.
const moduleFile = "offender.wasm"

// endless is a WebAssembly module that computes for ever:
//
//	(module (func (export "_start") (loop (br 0))) (memory 1))
var endless = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + // a type: of nothing, nothing
	"\x03\x02\x01\x00" + // a function of this type
	"\x05\x03\x01\x00\x01" + // a memory of 64 KiB
	"\x07\x0a\x01\x06_start\x00\x00" +
	"\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b") // loop, br 0, end

// offences are all there are; those that print write so many bytes. Those that
// take memory or processes have bounds so tight that a test can pass them.
func offences(output int64) []offence {
	much := fmt.Sprint(output)
	return []offence{
		{
			name: "leaks", does: "keeps 8 MiB of each call, with 64 MiB to use", guest: []string{"leak", fmt.Sprint(8 * mega)},
			memory: 64 * mega, comesTo: ending{notRun, "memory"}, or: []ending{echoed},
		}, {
			// 170 processes of 5 threads, and those of Go's runtime.
			name: "forks", does: "starts 170 processes of some 10 threads", guest: []string{"fork", "170", "5"},
			memory: giga, timeout: 10 * time.Second, comesTo: ending{notRun, "more than 1024 processes and threads"},
		}, {
			name: "hangs", does: "never answers; 1 s", guest: []string{"hang"},
			timeout: time.Second, comesTo: timedOut,
		}, {
			name: "all-hang", does: "the same, with a caller for each slot", guest: []string{"hang"}, every: true,
			timeout: time.Second, comesTo: timedOut,
		}, {
			name: "spins", does: "computes for ever; 1 s", guest: []string{"spin"},
			timeout: time.Second, comesTo: timedOut,
		}, {
			name: "computes", does: "wasm: computes for ever in the worker, with a caller for each slot; 1 s", module: endless, every: true,
			kind: registry.KindWasm, timeout: time.Second, comesTo: timedOut,
		}, {
			name: "prints-stdout", does: "prints " + mebibytes(output) + " to its log, then answers", guest: []string{"print", "stdout", much},
			timeout: time.Minute, comesTo: echoed,
		}, {
			name: "prints-stderr", does: "the same to standard error", guest: []string{"print", "stderr", much},
			timeout: time.Minute, comesTo: echoed,
		}, {
			name: "answers-much", does: "exec: the same as its answer", guest: []string{"print", "stdout", much},
			kind: registry.KindExec, timeout: time.Minute, comesTo: ending{notRun, "bytes to standard output"},
		}, {
			name: "complains", does: "exec: the same to standard error", guest: []string{"print", "stderr", much},
			kind: registry.KindExec, timeout: time.Minute, comesTo: ending{ok, nothing},
		}, {
			name: "answers-twice", does: "answers each call twice, and the one before again", guest: []string{"twice"}, comesTo: echoed,
		}, {
			name: "exits", does: "exits in the middle of a call", guest: []string{"exit"}, comesTo: ending{notRun, "exit status 3"},
		}, {
			name: "answers-late", does: "answers 0.3 s after its timeout of 0.5 s, two calls at a time", guest: []string{"late"}, at: 2,
			timeout: 500 * time.Millisecond, comesTo: timedOut,
		},
	}
}

func (e ending) String() string {
	switch {
	case e.status == ok:
		return "200"
	case e.status == outOfTime:
		return "504, timed out"
	}
	return fmt.Sprintf("%d, %q", e.status, e.says)
}

// is reports whether a call has ended like that.
func (e ending) is(r reply, sent []byte) bool {
	switch {
	case r.status != e.status:
		return false
	case e.says == "":
		return bytes.Equal(r.body, sent)
	case e.says == nothing:
		return len(r.body) == 0
	}
	return strings.Contains(string(r.body), e.says)
}

// spec is how the function is deployed.
func (o *offence) spec() registry.Spec {
	s := registry.Spec{
		Kind: o.kind, Command: append([]string{"./guest"}, o.guest...),
		Timeout: o.timeout, Memory: o.memory, Concurrency: o.at,
	}
	if o.module != nil {
		s.Command = []string{"./" + moduleFile}
	}
	if s.Kind == "" {
		s.Kind = registry.KindLambda
	}
	return s
}

// pause is how long a caller of an offender waits for its next call.
const pause = 20 * time.Millisecond

// offend has the offender called for a time, and on until a call has ended as it
// must, but not beyond ctx. It counts the calls, and those that ended so, and
// tells of those that ended otherwise.
func (x *subject) offend(ctx context.Context, o *offence, callers int, lasts time.Duration) (calls, proper int) {
	var mu sync.Mutex // guards calls and proper
	over := time.Now().Add(lasts)
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return proper > 0 && !time.Now().Before(over)
	}
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for n := 0; !enough() && ctx.Err() == nil; n++ {
				as := x.offended(o, fmt.Appendf(nil, "call %d of caller %d", n, caller))
				mu.Lock()
				calls++
				if as {
					proper++
				}
				mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	group.Wait()
	return calls, proper
}

// offended calls the offender once, and reports whether that ended as it must.
func (x *subject) offended(o *offence, sent []byte) bool {
	r := x.clients[0].post(o.name, sent, requestTimeout)
	proper := o.comesTo.is(r, sent)
	if !proper && !o.mayBe(r, sent) {
		x.ledger.breach(Breach{Function: o.name, Job: r.job(), What: fmt.Sprintf("answered %d: %.300q, %v", r.status, r.body, r.err)})
	}
	return proper
}

func (o *offence) mayBe(r reply, sent []byte) bool {
	for _, e := range o.or {
		if e.is(r, sent) {
			return true
		}
	}
	return false
}
