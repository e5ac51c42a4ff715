package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"faasd/internal/config"
)

// BinaryVariable names the faasd to start in the environment.
const BinaryVariable = config.Prefix + "BIN"

// FindBinary returns the absolute path of the faasd to start: the one that
// [BinaryVariable] names, else the one beside the running program, else the one
// in PATH. The error says what was tried.
func FindBinary() (string, error) {
	if named := os.Getenv(BinaryVariable); named != "" {
		path, err := executable(named)
		if err != nil {
			return "", fmt.Errorf("%s %q: %w: name an executable file, or unset it", BinaryVariable, named, err)
		}
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the running program: %w", err)
	}
	beside := filepath.Join(filepath.Dir(self), "faasd")
	if path, err := executable(beside); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("faasd"); err == nil {
		return filepath.Abs(path)
	}
	return "", fmt.Errorf("no faasd found: %s is not set, %s is no program, and there is none in PATH: run make build, or set %[1]s", BinaryVariable, beside)
}

// executable returns the absolute path of a file that can be executed.
func executable(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return exec.LookPath(path)
}
