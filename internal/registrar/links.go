package registrar

import (
	"faasd/internal/bus"
	"faasd/internal/role"
)

// maxQuestion is the largest message, in bytes, that workers send: a GET.
const maxQuestion = 1 << 10

// Links are the sockets of a registrar.
func Links() map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkPackages:  {Name: linkNames[LinkPackages], Kind: bus.Router, MaxMessage: maxQuestion},
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.XPub},
	}
}
