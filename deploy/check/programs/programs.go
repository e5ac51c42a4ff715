// Package programs builds what the tests of deployment files run.
package programs

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Run is a package's TestMain: it builds faasd and faasctl into a folder that goes
// with the tests, names it in bin, and returns the exit code of the tests.
func Run(m *testing.M, bin *string) int {
	var err error
	if *bin, err = os.MkdirTemp("", "faasd-check-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(*bin)
	build := exec.Command("go", "build", "-C", "../../..", "-o", *bin, "./cmd/faasd", "./cmd/faasctl")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build faasd: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
