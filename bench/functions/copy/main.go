// Command copy is an echo for those kinds of functions that read a request from standard input: programs and WebAssembly
// modules.
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
		log.Fatal(err)
	}
}
