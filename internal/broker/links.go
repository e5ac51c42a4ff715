package broker

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// Links are the sockets of a broker. Nothing larger than maxMessage bytes is
// taken from whoever connects.
func Links(maxMessage int64) map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkFrontends: {Name: linkNames[LinkFrontends], Kind: bus.Pull, MaxMessage: maxMessage, Batches: true},
		LinkReplies:   {Name: linkNames[LinkReplies], Kind: bus.Push, Batches: true},
		LinkWorkers:   {Name: linkNames[LinkWorkers], Kind: bus.Router, MaxMessage: 1 << 10},
		LinkJobs:      {Name: linkNames[LinkJobs], Kind: bus.Pub, MaxMessage: 1 << 10, Batches: true},
		LinkResponses: {Name: linkNames[LinkResponses], Kind: bus.Pull, MaxMessage: maxMessage, Batches: true},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.Pub},
	}
}
