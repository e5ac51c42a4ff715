package lambda

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/function/process"
)

// How long a process may take to end, and what it leaves behind.
const (
	stopGrace  = 2 * time.Second        // between SIGTERM and SIGKILL
	exitGrace  = 500 * time.Millisecond // for it to exit after it has said that its start failed
	drainGrace = 500 * time.Millisecond // for what it wrote before it ended to be read
)

// run is the life of the process, from its start until nothing is left of it.
func (i *instance) run() {
	began := time.Now()
	if err := i.launch(); err != nil {
		i.clean()
		i.say("not started", err.Error())
		i.f.ended(i, function.Failed(function.TypeInit, "the function's process could not be started: %v", err))
		return
	}
	i.say("started", fmt.Sprintf("process %d", i.process.Pid()))
	why := i.attend(began)
	i.f.mu.Lock()
	i.state = ending
	if i.watch != nil {
		i.watch.Stop()
	}
	i.f.mu.Unlock()

	// An answer may be on its way though its sender has gone: what it printed
	// and posted is read before its calls are called failed.
	if within(i.process.Drained(), drainGrace) {
		_ = i.output[0].Close()
		_ = i.output[1].Close()
	}
	i.api.finish(drainGrace)
	i.clean()
	ended := fmt.Sprintf("process %d: %s", i.process.Pid(), i.process.Ended())
	if i.reason != "" {
		ended += ": " + i.reason
	}
	i.say("ended", ended)
	i.f.ended(i, why)
}

// launch starts the process and its Runtime API.
func (i *instance) launch() error {
	cfg := &i.f.cfg
	program := cfg.Command[0]
	if !filepath.IsAbs(program) {
		program = filepath.Join(cfg.Code, program)
	}
	err := os.MkdirAll(cfg.Work, 0o700)
	if err != nil {
		return err
	}
	if i.scratch, err = os.MkdirTemp(cfg.Work, cfg.Name+"-"); err != nil {
		return err
	}
	if i.api, err = listen(i); err != nil {
		return err
	}
	i.output = [2]*logs.Writer{cfg.Logs.Writer(logs.Stdout, i.job), cfg.Logs.Writer(logs.Stderr, i.job)}
	i.process, err = cfg.Guard.Start(process.Spec{
		Path: program, Args: cfg.Command[1:], Dir: cfg.Code, Memory: cfg.Memory,
		Env:    cfg.environ(i.api.address(), i.scratch),
		Stdout: i.output[0], Stderr: i.output[1],
	})
	if err == nil {
		i.api.open()
	}
	return err
}

// job is the one that what the process prints is for.
func (i *instance) job() string {
	if j := i.prints.Load(); j != nil {
		return *j
	}
	return ""
}

// attend sees the process through until it has exited. It returns why it did
// not come up, if it did not though nobody had stopped it.
func (i *instance) attend(began time.Time) (why *function.Failure) {
	exited, up := i.process.Exited(), i.up
	init := time.NewTimer(i.f.cfg.InitTimeout)
	defer init.Stop()
	for {
		select {
		case <-exited:
			return i.startFailure()
		case <-up:
			up = nil
			i.f.cfg.Log.Debug("a function's process is up", "pid", i.process.Pid(), "after", time.Since(began))
		case why = <-i.failed:
			i.reason = "its start failed"
			within(exited, exitGrace)
			i.process.Kill()
			<-exited
			return why
		case <-init.C:
			if !i.giveUp() {
				continue
			}
			i.reason = fmt.Sprintf("it did not ask for a call within the %v that a start may take", i.f.cfg.InitTimeout)
			i.process.Kill()
			<-exited
			return function.Failed(function.TypeInit, "the function's process did not come up: %s", i.reason)
		case i.reason = <-i.stopped:
			i.process.Terminate()
			grace := time.NewTimer(stopGrace)
			select {
			case <-exited:
			case i.reason = <-i.killed:
			case <-grace.C:
			}
			grace.Stop()
			i.process.Kill()
			<-exited
			return nil
		case i.reason = <-i.killed:
			i.process.Kill()
			<-exited
			return nil
		}
	}
}

// giveUp says whether the process has still not come up; then it cannot any more.
func (i *instance) giveUp() bool {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if i.state != starting {
		return false
	}
	i.state = ending
	return true
}

// startFailure says why a process that has exited by itself did not come up;
// nil if it did.
func (i *instance) startFailure() *function.Failure {
	select {
	case why := <-i.failed:
		return why
	case <-i.up:
		return nil
	default:
	}
	if i.process.OutOfMemory() {
		return function.Failed(function.TypeMemory,
			"the function's process used more than its %d MB of memory during its start", i.f.cfg.memorySize())
	}
	return function.Failed(function.TypeInit,
		"the function's process ended during its start, before it asked for a call: %s", i.process.Ended())
}

// within waits for a channel to be closed, but not longer than that, and says
// whether it was.
func within(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}

// clean removes what the process and its API have left.
func (i *instance) clean() {
	if i.api != nil {
		i.api.close()
	}
	if i.scratch == "" {
		return
	}
	err := os.RemoveAll(i.scratch)
	if err != nil { // folders that their owner may not write
		_ = filepath.WalkDir(i.scratch, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
		err = os.RemoveAll(i.scratch)
	}
	if err != nil {
		i.f.cfg.Log.Warn("the scratch folder of a function's process could not be removed: remove it by hand", "err", err)
	}
}

// say puts what became of the process into the function's log and the worker's.
func (i *instance) say(what, detail string) {
	i.f.cfg.Logs.Add(logs.System, "", what+": "+strings.TrimSpace(detail))
	i.f.cfg.Log.Info("a function's process "+what, "detail", detail)
}
