package frontend

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// Links are the sockets of a frontend. Nothing larger than maxMessage bytes is
// taken from whoever connects.
func Links(maxMessage int64) map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkReplies:   {Name: linkNames[LinkReplies], Kind: bus.Pull, MaxMessage: maxMessage, Batches: true},
		LinkRequests:  {Name: linkNames[LinkRequests], Kind: bus.Push, Batches: true},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.Pub},
	}
}
