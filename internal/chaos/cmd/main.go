// Command cmd runs internal/chaos: `make chaos`. It exits with 1 if a promise
// was broken.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"faasd/internal/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg := chaos.Config{Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	flag.StringVar(&cfg.Bin, "faasd", "", "the `program` to torment (default: the one beside this program, else in PATH)")
	flag.DurationVar(&cfg.Duration, "duration", 3*time.Minute, "how long load is sent")
	flag.IntVar(&cfg.Rate, "rate", 1000, "`requests` a second")
	flag.Uint64Var(&cfg.Seed, "seed", 1, "what is drawn: parts, bodies, how cuts heal")
	flag.DurationVar(&cfg.Every, "every", 11500*time.Millisecond, "time from one fault to the next, at least 10s")
	flag.StringVar(&cfg.Logs, "logs", "", "`folder` for the parts' logs (default: a new one, removed if no promise is broken)")
	asJSON := flag.Bool("json", false, "print the report as JSON")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("%q is not understood: there are flags only, see --help", flag.Arg(0))
	case cfg.Every < 10*time.Second:
		return fmt.Errorf("--every %s is too short: a fault lasts 5s, and what it did has to be over before the next; give at least 10s", cfg.Every)
	case cfg.Rate < 1 || cfg.Duration <= 0:
		return errors.New("--rate and --duration must be above 0")
	}
	temporary := cfg.Logs == ""
	if temporary {
		dir, err := os.MkdirTemp("", "faasd-chaos-")
		if err != nil {
			return err
		}
		cfg.Logs = dir
	} else if err := os.MkdirAll(cfg.Logs, 0o755); err != nil {
		return err
	}
	report, err := chaos.Run(ctx, cfg)
	if report == nil {
		return err
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(report); err != nil {
			return err
		}
	} else {
		report.Write(os.Stdout)
	}
	switch {
	case err != nil:
		return err
	case !report.OK():
		return fmt.Errorf("%d promises were broken", report.Broken)
	case temporary:
		return os.RemoveAll(cfg.Logs)
	}
	return nil
}
