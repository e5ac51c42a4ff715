package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"faasd/internal/config"
	"faasd/internal/node"
)

type up struct {
	common
	node.Up
}

func (c *up) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "up",
		Summary:     "run a whole system: frontend, broker, coordinator, queues, and workers as child processes",
		Description: "Everything in one process but the workers; only the HTTP port is open. Workers that die are started again.",
		Examples: []string{
			"faasd up",
			"faasd up --http :3000 --queues 3 --workers 8",
			"faasd up --http 127.0.0.1:0 --data /tmp/faasd-try",
		},
	})
	s.HTTPAddr(&c.HTTP, "http", "127.0.0.1:3000", "where clients are served")
	s.DataDir(&c.Data, "folder for sockets, logs and state; one system each").Required()
	s.Int(&c.Queues, "queues", 3, 1, 100, "how many queues")
	s.Int(&c.Workers, "workers", 3, 0, 1000, "how many worker processes to keep alive")
	slots(s, &c.Slots, "slots")
	idle(s, &c.Idle)
	requests(s, &c.Requests)
	limits(s, &c.Limits, "one part")
	results(s, &c.Results)
	c.declare(s, "warn")
	return s
}

// besideMe is how a program that was built together with this one is called
// from where this one was.
func besideMe(name string) string {
	if dir := filepath.Dir(os.Args[0]); strings.ContainsRune(os.Args[0], '/') {
		return filepath.Join(dir, name)
	}
	return name
}

// dataFlag is what faasctl needs to find this system.
func (c *up) dataFlag() string {
	if usual, err := config.DataDir(os.Getenv); err == nil && usual == c.Data {
		return ""
	}
	return " --data " + c.Data
}

func (c *up) Validate() error { return fits(c.Limits) }

func (c *up) Run(ctx context.Context, std config.Stdio) error {
	c.Grace, c.Log, c.Metrics = c.grace, c.log, c.metrics
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintf(std.Out, "stopping, within %s; again ends at once\n", c.grace)
	})()
	return node.RunUp(ctx, c.Up, c.logger(std), func(url, metrics string) {
		fmt.Fprintln(std.Out, config.Listening(url))
		fmt.Fprintf(std.Out, "call it:  curl -d '{\"hola\":\"mundo\"}' %s/echo\n", strings.TrimPrefix(url, "http://"))
		if host, port, _ := net.SplitHostPort(c.HTTP); host == "" || net.ParseIP(host).IsUnspecified() {
			fmt.Fprintf(std.Out, "note:     open to all who reach port %s of this machine\n", port)
		}
		fmt.Fprintf(std.Out, "watch it: %s top%s\n", besideMe("faasctl"), c.dataFlag())
		if metrics != "" {
			fmt.Fprintf(std.Out, "metrics:  %s/metrics\n", metrics)
		}
		fmt.Fprintln(std.Out, "stop it:  Ctrl-C")
	})
}
