package chaos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// An outcome is a request and what came of it. Times are since the experiment began.
type outcome struct {
	number     int
	frontend   string
	due        time.Duration // when it was to be sent; latencies count from here
	late       time.Duration // by how much it was sent later than that
	ended      time.Duration
	status     int // 0: no answer came
	attempt    int
	retryAfter int // s, of a 503
	verdict    verdict
}

func (o *outcome) took() time.Duration { return o.ended - o.due }

// A verdict is how an answer is judged.
type verdict uint8

const (
	right   verdict = iota // 200 with the bytes that were sent, in time
	held                   // none, from a frontend that was killed while it held the request, or was dead
	refused                // 503 with Retry-After, from a frontend that starts or is cut off, or is sent too much
	broken                 // anything else
)

// tolerance is by how much an answer may be later than its deadline before it
// counts as late: what it takes to get here on a busy machine.
const tolerance = time.Second

// judge says whether what came of a request keeps the promises, else why not.
// lost and refuses say whether its frontend has an excuse for no answer, and for
// refusing it.
func (o *outcome) judge(sent []byte, r reply, timeout time.Duration, lost, refuses bool) (v verdict, why string) {
	switch {
	case r.hung:
		return broken, "hangs: " + r.err.Error()
	case r.err != nil && lost:
		return held, ""
	case r.err != nil:
		return broken, "no answer: " + r.err.Error()
	case o.took() > timeout+tolerance:
		return broken, fmt.Sprintf("answered %d after %s, and its deadline was %s", r.status, o.took(), timeout)
	case r.status == 503 && refuses && r.retryAfter() > 0:
		return refused, ""
	case r.status != 200:
		return broken, fmt.Sprintf("answered %d: %.300s", r.status, r.body)
	case !bytes.Equal(r.body, sent):
		return broken, "wrong bytes: " + difference(r.body, sent)
	case r.attempt() < 1 || r.job() == "":
		return broken, fmt.Sprintf("X-Faasd-Attempt is %q, X-Faasd-Job %q", r.header.Get("X-Faasd-Attempt"), r.job())
	}
	return right, ""
}

// overlaps reports whether the request was under way at some time of the fault.
func (o *outcome) overlaps(e *event) bool {
	return o.ended >= e.began && (e.over == 0 || o.due <= e.over)
}

// difference says where an answer differs from what was sent, and whose it may
// be: bodies begin with their request's number.
func difference(got, want []byte) string {
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	s := fmt.Sprintf("%d bytes for %d, different from byte %d on", len(got), len(want), same)
	if same < numberSize && len(got) >= numberSize {
		s += fmt.Sprintf("; they begin like those of request %d", binary.BigEndian.Uint64(got))
	}
	return s
}

// numberSize is the size in bytes of the number at the front of each body.
const numberSize = 8
