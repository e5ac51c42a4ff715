package node

import "faasd/internal/bus"

// ZeroMQ returns the version of the libzmq that is linked, such as "4.3.4".
func ZeroMQ() string { return bus.Version() }
