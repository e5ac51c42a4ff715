// Package roletest is for the tests of the roles' machines.
package roletest

import (
	"bytes"

	"faasd/internal/role"
)

// Deliver gives a machine a packet as if it came in one message with others, if
// parts of faasd send such (those to whom REQ's empty frame matters do not). The
// memory that it lies in holds something else afterwards, as if those others were
// all that is left of it.
func Deliver(m role.Machine, now role.Time, p role.Packet) {
	if p.Shared = len(p.Frames[0]) > 0; p.Shared {
		message := bytes.Join(p.Frames, nil)
		defer func() {
			for i := range message {
				message[i] = 0xee
			}
		}()
		frames, rest := make([][]byte, len(p.Frames)), message
		for i, f := range p.Frames {
			frames[i], rest = rest[:len(f):len(f)], rest[len(f):]
		}
		p.Frames = frames
	}
	m.Receive(now, p)
}
