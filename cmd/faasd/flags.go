package main

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"faasd/internal/config"
	"faasd/internal/node"
)

// Flags that several commands have, declared once.

const mebibyte = 1 << 20

// identity declares --name and --advertise.
func identity(s *config.Set, id *node.Identity) {
	s.Name(&id.Name, "name", "", "name of this part, shown everywhere").DefaultText("made up")
	advertise(s, id)
}

func advertise(s *config.Set, id *node.Identity) {
	s.String(&id.Advertise, "advertise", "", "HOST", "host under which others reach what is bound to all addresses").DefaultText("this host's name")
}

// limits declares what bounds the jobs that a part holds.
func limits(s *config.Set, l *node.Limits, peer string) {
	s.Group("Limits")
	maxBody(s, &l.MaxBody, "largest body of a request")
	s.Int(&l.WindowJobs, "window-jobs", 4096, 1, 1<<20, "jobs that "+peer+" may have outstanding here")
	s.Bytes(&l.WindowBytes, "window-bytes", 256*mebibyte, 1, math.MaxInt64, "bytes of jobs that "+peer+" may have outstanding here")
}

// fits refuses a largest body that would hardly ever find room: a function may
// hold half of a window (job.Shares), and one more body of it must find room
// beside what it has open, up to as much again.
func fits(l node.Limits) error {
	if l.MaxBody <= l.WindowBytes/4 {
		return nil
	}
	advice := "raise --window-bytes to " + config.FormatBytes(4*l.MaxBody)
	if most := l.WindowBytes / 4; most > 0 {
		advice = "lower --max-body to " + config.FormatBytes(most) + ", or " + advice
	}
	return config.Usagef("--max-body %s is more than a quarter of --window-bytes %s, and such a body would be refused while its function has much open; %s",
		config.FormatBytes(l.MaxBody), config.FormatBytes(l.WindowBytes), advice)
}

func maxBody(s *config.Set, n *int64, meaning string) {
	s.Bytes(n, "max-body", 6*mebibyte, 1, 1<<30, meaning)
}

func results(s *config.Set, w *node.Window) {
	s.Int(&w.Count, "results", 4096, 0, 1<<20, "finished results kept for a broker that asks again")
	s.Bytes(&w.Bytes, "results-bytes", 64*mebibyte, 0, math.MaxInt64, "bytes of finished results kept")
}

func grace(s *config.Set, d *time.Duration) {
	s.Duration(d, "grace", 8*time.Second, 0, time.Hour, "time to finish or give back what runs when stopped")
}

func requests(s *config.Set, r *node.Requests) {
	s.Duration(&r.Timeout, "timeout", time.Minute, time.Millisecond, 24*time.Hour, "time until a request is answered 504")
	s.Duration(&r.MaxTimeout, "max-timeout", 15*time.Minute, time.Millisecond, 24*time.Hour, "a request of a function whose own timeout is more than --timeout has that much time, but not more than this")
	s.Duration(&r.MaxWait, "max-wait", 500*time.Millisecond, time.Millisecond, 24*time.Hour, "a request is refused (503) if it would wait longer than this for those of its function before it; up to 256 of each function may always be open at a frontend")
	s.ByFunction(&r.Attempts, "attempts", 3, 1, 255, "a job is given up (502) after so many runs that were lost alone with their worker; NAME=N for one function, which leaves 3 to the others")
}

func slots(s *config.Set, n *int, name string) {
	s.Int(n, name, 8, 1, 1024, "jobs that a worker runs at a time")
}

func idle(s *config.Set, d *time.Duration) {
	s.Duration(d, "idle", 5*time.Minute, time.Second, 24*time.Hour, "a function's process that has had no call for so long is stopped; the next call starts one")
}

func metricsAddr(s *config.Set, p *string, meaning string) *config.Setting {
	return s.HTTPAddr(p, "metrics", "", meaning)
}

// common is what every role's command has besides its own settings.
type common struct {
	grace   time.Duration
	metrics string
	log     config.Log
}

func (c *common) declare(s *config.Set, level string) {
	s.Group("Stopping")
	grace(s, &c.grace)
	s.Group("Watching")
	metricsAddr(s, &c.metrics, "where GET /metrics, /healthz and /readyz are served").DefaultText("nowhere")
	c.log.Declare(s, level)
}

// process is what this role's process has beside it.
func (c *common) process(std config.Stdio) node.Process {
	return node.Process{Grace: c.grace, Metrics: c.metrics, Log: c.logger(std), Announce: announcer(std)}
}

func (c *common) logger(std config.Stdio) *slog.Logger { return c.log.Logger(std.Err) }

// announcer prints a role's ready line.
func announcer(std config.Stdio) func(config.Ready) {
	return func(r config.Ready) { fmt.Fprintln(std.Out, r) }
}

// listener prints where HTTP is served.
func listener(std config.Stdio) func(string) {
	return func(url string) { fmt.Fprintln(std.Out, config.Listening(url)) }
}
