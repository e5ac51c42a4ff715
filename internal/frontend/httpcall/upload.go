package httpcall

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

// smallBody is the size in bytes up to which a body is read without asking
// first whether there is room for it.
const smallBody = 64 << 10

// The pace that a body must keep, because a client that stands still or trickles
// holds what is reserved for it; the time is that of Apache's mod_reqtimeout. It
// stops nobody who would be in time: at this pace the default largest body takes
// 8 minutes.
const (
	paceBytes = 256 << 10
	paceTime  = 20 * time.Second
)

// An upload is the body of a call on its way in. What is reserved for it is kept
// until the call has an answer, and then for that.
//
// Room for a large body of known length is reserved at once: whoever is let in
// is read through. Were each to reserve as it comes in, many would begin, meet
// at the limit and be refused halfway, each for the others' sake; and who sends
// slowly needs it all in the end. A body that does not say its length reserves
// what is held for it, the double each time. If that cannot be had it is
// refused, and its room is free at once: those who waited would hold what the
// others wait for.
type upload struct {
	call     *Call
	most     int64     // bytes that it may have
	deadline time.Time // the request's
	due      int       // bytes until the pace is looked at again
}

// read reads the body.
func (u *upload) read() ([]byte, *Problem) {
	most, known := u.most, u.call.x.BodyLength()
	size := known
	if size > most {
		return nil, u.tooLarge()
	}
	if size < 0 {
		size = min(smallBody, most+1) // one more tells that it is too large
	}
	if bad := u.reserve(size); bad != nil {
		return nil, bad
	}
	body := make([]byte, 0, size)
	for int64(len(body)) != known {
		if len(body) == cap(body) {
			size = min(2*size, most+1)
			if bad := u.reserve(size); bad != nil {
				return nil, bad
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := u.some(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > most:
			return nil, u.tooLarge()
		case int64(len(body)) == known || err == nil:
		case err == io.EOF && known < 0:
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, u.tooSlow(len(body))
		default:
			return nil, brokenBody(err)
		}
	}
	return body, nil
}

// some reads what comes next, at the pace and before the request's deadline. What
// is there already waits for nobody.
func (u *upload) some(into []byte) (int, error) {
	if u.due <= 0 && u.call.x.Waiting() < len(into) {
		u.due = paceBytes
		by := time.Now().Add(paceTime)
		if u.deadline.Before(by) {
			by = u.deadline
		}
		u.call.x.SetReadDeadline(by)
	}
	n, err := u.call.x.Read(into)
	u.due -= n
	return n, err
}

// reserve makes room for a body of that size. A large one is refused here if
// the request would be, or if the large ones that are held leave no room for
// one more of its function.
func (u *upload) reserve(size int64) *Problem {
	if size <= smallBody {
		return nil
	}
	ctx, gateway, room := u.call.x.Context(), u.call.calls.gateway, &u.call.room
	var refused frontend.Refused
	var err error
	if room.held == 0 {
		refused, err = gateway.Refusal(ctx, frontend.Request{Function: room.function, Timeout: time.Until(u.deadline)})
	}
	if err == nil && refused.Why == frontend.Accepted {
		if room.take(size) {
			return nil
		}
		refused, err = gateway.Full(ctx, room.function)
	}
	if err != nil {
		refused.Why = frontend.Stopping
	}
	return refusal(refused, room.function)
}

func (u *upload) tooLarge() *Problem {
	return &Problem{Type: TypeTooLarge, Status: http.StatusRequestEntityTooLarge, Title: "Body too large", Limit: u.most,
		Detail: fmt.Sprintf("a request's body may have %s at most; send less, or raise --max-body where faasd is started", wire.Plural(int(u.most), "byte"))}
}

func (u *upload) tooSlow(got int) *Problem {
	return &Problem{Type: TypeTooSlow, Status: http.StatusRequestTimeout, Title: "Body too slow",
		Detail: fmt.Sprintf("%s of the request's body had come when its time was up; all of it must come within %s, and each %d KiB within %s: "+
			"send it faster, or in several requests", wire.Plural(got, "byte"), u.call.timeout, paceBytes>>10, paceTime)}
}

func brokenBody(err error) *Problem {
	return &Problem{Type: "broken-body", Status: http.StatusBadRequest, Title: "Body not received whole",
		Detail: "the request's body broke off: " + err.Error()}
}
