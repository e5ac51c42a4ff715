// Command faasctl is the operator's program: it shows a running system, acts on
// it, calls its functions, and tests one of its own.
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
		Summary: "look at a running faasd, act on it, and test one",
		Commands: []config.Command{
			&status{}, &top{}, &queues{}, &workers{}, &functions{}, &jobs{}, &job{}, &events{}, &logs{},
			&kill{}, &drain{}, &undrain{}, &scale{}, &initialize{}, &deploy{}, &invoke{}, &test{},
		},
		Guide:     guide,
		Codes:     codes,
		Libraries: []config.Library{{Name: "libzmq", Version: operator.ZeroMQ()}},
	}
}
