package queue

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// Links are the sockets of a queue. Nothing larger than maxMessage bytes is
// taken from whoever connects.
func Links(maxMessage int64) map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkWorkers:   {Name: linkNames[LinkWorkers], Kind: bus.Router, MaxMessage: maxMessage, Batches: true},
		LinkJobs:      {Name: linkNames[LinkJobs], Kind: bus.Sub, Batches: true},
		LinkResponses: {Name: linkNames[LinkResponses], Kind: bus.Push, Batches: true},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.Pub},
	}
}
