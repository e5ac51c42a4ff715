package coordinator

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// maxMessage is the largest message, in bytes, on the coordination bus: the
// detail of a queue with as many workers as it may have.
const maxMessage = 8 << 20

// Links are the sockets of a coordinator.
func Links() map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.XSub, MaxMessage: maxMessage},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.XPub, MaxMessage: 1 << 10, HighWater: 10_000},
	}
}
