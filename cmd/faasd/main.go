// Command faasd runs the parts of a Function-as-a-Service: each role by itself,
// or all of them with `faasd up`.
package main

import (
	"os"

	"faasd/internal/config"
)

func main() {
	os.Exit(config.Main(program(), os.Args[1:], config.OS()))
}

func program() config.Program {
	return config.Program{
		Name:    "faasd",
		Summary: "a Function-as-a-Service that you own: HTTP in, functions run on workers, ZeroMQ in between",
		Commands: []config.Command{
			&up{}, &frontend{}, &broker{}, &queue{}, &worker{}, &coordinator{},
		},
	}
}
