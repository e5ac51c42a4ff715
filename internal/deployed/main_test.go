package deployed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs as they are: faasd, and internal/chaos/guest, which is deployed.
var faasd, guest string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "faasd-deployed-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	faasd, guest = filepath.Join(dir, "faasd"), filepath.Join(dir, "guest")
	code := 1
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build() error {
	for _, program := range []struct{ bin, pkg, cgo string }{
		{faasd, "faasd/cmd/faasd", "1"},
		{guest, "faasd/internal/chaos/guest", "0"}, // needs nothing where it runs
	} {
		cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program.bin, program.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+program.cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", program.pkg, err, out)
		}
	}
	return nil
}
