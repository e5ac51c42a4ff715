package broker

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// Links are the sockets of a broker. Nothing larger than maxMessage bytes is
// taken from whoever connects.
func Links(maxMessage int64) map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkFrontends: {Name: linkNames[LinkFrontends], Kind: bus.Pull, MaxMessage: maxMessage},
		LinkReplies:   {Name: linkNames[LinkReplies], Kind: bus.Push},
		LinkWorkers:   {Name: linkNames[LinkWorkers], Kind: bus.Router, MaxMessage: 1 << 10},
		LinkJobs:      {Name: linkNames[LinkJobs], Kind: bus.Pub, MaxMessage: 1 << 10},
		LinkResponses: {Name: linkNames[LinkResponses], Kind: bus.Pull, MaxMessage: maxMessage},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.Pub},
	}
}
