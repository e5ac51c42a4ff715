package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// RunningFile is the file in a data folder that says how the `faasd up` of
// that folder is reached. It is there while that one runs; one that was killed
// leaves it behind.
const RunningFile = "running.json"

// Running is what RunningFile holds.
type Running struct {
	PID         int    `json:"pid"`
	HTTP        string `json:"http"`        // URL for clients
	Coordinator string `json:"coordinator"` // XPUB endpoint for operators
	Admin       string `json:"admin"`       // where deploying is served, "unix:PATH"
}

// ReadRunning finds the system of a data folder. The error says what was
// looked for and how to start one.
func ReadRunning(dir string) (Running, error) {
	var r Running
	if dir == "" {
		return r, errors.New("no data folder is known, since neither HOME nor XDG_STATE_HOME is set; name the system with --data or --coordinator")
	}
	path := filepath.Join(dir, RunningFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, fmt.Errorf("no faasd up runs with the data folder %s (there is no %s); start one with `faasd up`, or name another with --data or --coordinator", dir, RunningFile)
	}
	if err != nil {
		return r, fmt.Errorf("cannot read how to reach the system of %s: %w", dir, err)
	}
	if err := json.Unmarshal(b, &r); err != nil || r.Coordinator == "" {
		return r, fmt.Errorf("%s does not say how to reach a system; remove it and start `faasd up` again", path)
	}
	if r.PID > 0 && errors.Is(syscall.Kill(r.PID, 0), syscall.ESRCH) {
		return r, fmt.Errorf("the faasd up of the data folder %s (process %d) is gone, killed perhaps; start it again with `faasd up`", dir, r.PID)
	}
	return r, nil
}
