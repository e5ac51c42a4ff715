package worker

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// Links are the sockets of a worker.
func Links() map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkPlace:    {Name: linkNames[LinkPlace], Kind: bus.Req},
		LinkQueue:    {Name: linkNames[LinkQueue], Kind: bus.Dealer, Batches: true},
		LinkPackages: {Name: linkNames[LinkPackages], Kind: bus.Dealer},
	}
}
