// Package lambda runs functions that speak the AWS Lambda Runtime API: programs
// built for AWS Lambda's provided runtimes run unmodified, as child processes.
//
// A [Function] keeps the processes of one version of a function. Each process
// has an HTTP server of its own on a loopback port, where it asks for calls and
// posts their answers. A request for the next call that is not answered yet is
// one free slot; there is no other count of them.
package lambda

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"faasd/internal/function/logs"
	"faasd/internal/function/process"
)

// What a Config has where it is left zero.
const (
	DefaultInitTimeout = 10 * time.Second // as at AWS
	DefaultIdle        = 5 * time.Minute
	DefaultMaxBody     = 6<<20 + 100 // bytes; AWS's limit of a synchronous answer
)

// Config says what a function is and what it may use.
type Config struct {
	Name    string
	Version uint32

	Code    string            // folder with the unpacked package, absolute; only read
	Command []string          // program, absolute or relative to Code, and arguments; default: bootstrap
	Handler string            // what _HANDLER says; default: the program's name
	Env     map[string]string // added to the process's environment; not the names that Lambda reserves

	Memory      int64 // bytes, of each process's tree; 0: no limit
	Concurrency int   // jobs that one process runs at a time; default 1
	Processes   int   // how many there are at most; default 1
	MaxBody     int64 // bytes of an answer; default DefaultMaxBody

	InitTimeout time.Duration // from a process's start to its first request for a call; default DefaultInitTimeout
	Idle        time.Duration // a process without a job for so long is stopped; default DefaultIdle

	Work  string // folder for the scratch folders of processes; made when needed
	Guard *process.Guard
	Logs  *logs.Ring   // what the processes print; nil: thrown away
	Log   *slog.Logger // what becomes of the processes; names the function and its version; nil: nothing is said
}

// reserved are the names that a function's own environment may not have,
// besides all that begin with AWS_LAMBDA_ or LAMBDA_.
var reserved = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "HOME", "TMPDIR"}

// check says what is wrong with a Config, and fills in the defaults.
func (c *Config) check() error {
	if c.Name == "" || c.Guard == nil || c.Work == "" || !filepath.IsAbs(c.Code) {
		return errors.New("a function needs a name, a guard, a folder to work in, and the absolute path of its package")
	}
	for name, value := range c.Env {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0):
			return fmt.Errorf("function %s: %q cannot be set in an environment", c.Name, name)
		case strings.HasPrefix(name, "AWS_LAMBDA_"), strings.HasPrefix(name, "LAMBDA_"), slices.Contains(reserved, name):
			return fmt.Errorf("function %s: %s is reserved in the environment of a Lambda function; use another name", c.Name, name)
		}
	}
	if len(c.Command) == 0 {
		c.Command = []string{"bootstrap"}
	}
	if c.Handler == "" {
		c.Handler = filepath.Base(c.Command[0])
	}
	c.Concurrency, c.Processes = max(c.Concurrency, 1), max(c.Processes, 1)
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.InitTimeout <= 0 {
		c.InitTimeout = DefaultInitTimeout
	}
	if c.Idle <= 0 {
		c.Idle = DefaultIdle
	}
	if c.Logs == nil {
		c.Logs = new(logs.Ring)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
