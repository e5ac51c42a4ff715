// Command faasctl is the operator's program: it shows a running system and
// calls its functions.
package main

import (
	"os"

	"faasd/internal/config"
	"faasd/internal/operator"
)

func main() {
	os.Exit(config.Main(program(), os.Args[1:], config.OS()))
}

func program() config.Program {
	return config.Program{
		Name:    "faasctl",
		Summary: "look at a running faasd, and act on it",
		Commands: []config.Command{
			&status{}, &queues{}, &workers{}, &jobs{}, &job{}, &events{},
			&kill{}, &drain{}, &undrain{}, &scale{}, &invoke{},
		},
		Guide:     guide,
		Libraries: []config.Library{{Name: "libzmq", Version: operator.ZeroMQ()}},
	}
}
