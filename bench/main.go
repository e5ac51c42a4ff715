// Command bench compares faasd with what people would use instead, on one machine, in one run.
//
// It knows faasd only from outside: it starts the programs as a user would, reads the endpoints that they print, and
// sends requests with wrk. Each measurement is followed by a pass of requests with unique bodies, which finds what wrk
// cannot: a request that is never answered, or an answer that belongs to another. docs/BENCHMARKS.md explains the rest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// contenders are what this program is when its first argument says so: processes of the systems that faasd is compared
// with. They serve until they are ended.
var contenders = map[string]func(args []string) error{
	bareCommand:       serveBare,
	natsServerCommand: serveNATS,
	natsBridgeCommand: bridgeNATS,
	natsWorkerCommand: workNATS,
	proxyCommand:      serveProxy,
}

func main() {
	if len(os.Args) > 1 && contenders[os.Args[1]] != nil {
		fmt.Fprintln(os.Stderr, "bench:", contenders[os.Args[1]](os.Args[2:]))
		os.Exit(1)
	}
	s, err := parse(os.Args[1:], os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	// Whoever reads what is printed may go first, as in  make bench | head: that is not to end this program in the middle.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err = run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
