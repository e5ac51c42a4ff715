package httpcall

import (
	"time"

	"faasd/internal/frontend/httpserver"
)

// What a result must keep to while the large ones leave no room for it: its
// connection ends when this much of it is not taken in time. It is what bounds
// the memory that clients can hold who call and do not read. The time is a
// repeat of a lost packet or two; a short one, in which one may come late, once
// there is as much without room as there is room.
const (
	hurryBytes = 32 << 10
	hurryTime  = time.Second
	hurryShort = 250 * time.Millisecond
)

// A download is the large body of an answer on its way out. It has the call's room
// if there is so much, and keeps the pace that a request's body must. Without room
// it is written all the same, since its job was accepted and has run, but in a
// hurry, and has the room as soon as there is some.
type download struct {
	room *room
	x    *httpserver.Exchange
	due  int // bytes until the pace is looked at again
}

// write writes an answer. If that does not get on, the connection ends, since the
// header promises more.
func (d *download) write(status int, body []byte) {
	d.room.overdraw(int64(len(body)))
	d.x.Start(status, len(body))
	for len(body) > 0 {
		d.mustGetOn()
		n := min(len(body), hurryBytes)
		if d.x.Write(body[:n]) != nil {
			return // a client that has gone is its own loss
		}
		body, d.due = body[n:], d.due-n
	}
}

// mustGetOn sets until when what comes next is to be written.
func (d *download) mustGetOn() {
	switch {
	case !d.room.settle():
		d.due = 0
		d.x.SetWriteDeadline(time.Now().Add(d.room.bodies.hurry()))
	case d.due <= 0:
		d.due = paceBytes
		d.x.SetWriteDeadline(time.Now().Add(paceTime))
	}
}
