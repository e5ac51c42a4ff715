// Command faasctl is the operator's program: it shows a running system, and
// tests one of its own.
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
		Name:     "faasctl",
		Summary:  "look at a running faasd, and test one",
		Commands: []config.Command{&status{}, &test{}},
	}
}
