// A function in Go for WebAssembly: greets whom the body names, in a sandbox
// where it can do nothing else. Built by `make examples`, with GOOS=wasip1.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	name := strings.TrimSpace(string(body))
	if name == "" {
		fail("whom shall it greet? call it with a name")
	}
	fmt.Fprintln(os.Stderr, "greeting", name, "in job", os.Getenv("FAASD_JOB"))
	fmt.Println("hello,", name)
}

// fail makes this the caller's answer: an error.
func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
