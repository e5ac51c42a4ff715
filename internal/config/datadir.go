package config

import (
	"errors"
	"path/filepath"
)

// DataDir returns the folder in which faasd up keeps its data when told
// nothing else: $XDG_STATE_HOME/faasd, else ~/.local/state/faasd (XDG Base
// Directory Specification, which has relative paths ignored).
func DataDir(env func(string) string) (string, error) {
	if state := env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "faasd"), nil
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "faasd"), nil
	}
	return "", errors.New("neither XDG_STATE_HOME nor HOME names a folder for a default")
}
