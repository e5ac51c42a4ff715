package httpcall

import (
	"net/http"
	"time"
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

// A download is the body of an answer on its way out. It has the call's room if
// there is so much, and keeps the pace that a request's body must. Without room
// it is written all the same, since its job was accepted and has run, but in a
// hurry, and has the room as soon as there is some.
type download struct {
	room *room
	conn *http.ResponseController
	due  int // bytes until the pace is looked at again
}

// write writes an answer's body. If that does not get on, net/http ends the
// connection, since the header promises more.
func (d *download) write(w http.ResponseWriter, body []byte) {
	if len(body) <= smallBody {
		d.room.release()
	} else {
		d.room.overdraw(int64(len(body)))
	}
	for len(body) > 0 {
		d.mustGetOn()
		n, err := w.Write(body[:min(len(body), hurryBytes)])
		if err != nil {
			return // a client that has gone is its own loss
		}
		body, d.due = body[n:], d.due-n
	}
}

// mustGetOn sets until when what comes next is to be written. With the next
// request on the connection net/http sets a time of its own.
func (d *download) mustGetOn() {
	switch {
	case !d.room.settle():
		d.due = 0
		_ = d.conn.SetWriteDeadline(time.Now().Add(d.room.bodies.hurry())) // fails where there is no connection that could be slow
	case d.due <= 0:
		d.due = paceBytes
		_ = d.conn.SetWriteDeadline(time.Now().Add(paceTime))
	}
}
