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
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	faasd    string
	rounds   int
	seconds  int
	check    int
	clients  []int
	bodies   []int // bytes
	systems  []string
	parts    []string
	json     string
	markdown string
	build    string
}

// The parts of a run, each with a table of its own.
const (
	comparePart = "compare"
	screenPart  = "screen"
)

// contenders are what this program is when its first argument says so: processes of the systems that faasd is compared
// with. They serve until they are ended.
var contenders = map[string]func(args []string) error{
	bareCommand:       serveBare,
	natsServerCommand: serveNATS,
	natsBridgeCommand: bridgeNATS,
	natsWorkerCommand: workNATS,
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err = run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the flags; BENCH_ROUNDS and BENCH_SECONDS are defaults for theirs.
func parse(args []string, env func(string) string) (settings, error) {
	var s settings
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(env(name)); err == nil {
			return n
		}
		return otherwise
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&s.faasd, "faasd", "bin/faasd", "the faasd program to measure, with faasctl beside it")
	f.IntVar(&s.rounds, "rounds", number("BENCH_ROUNDS", 3), "rounds; the table shows the median (BENCH_ROUNDS)")
	f.IntVar(&s.seconds, "seconds", number("BENCH_SECONDS", 5), "seconds of each measurement (BENCH_SECONDS)")
	f.IntVar(&s.check, "check", 2000, "requests with unique bodies after each measurement")
	f.StringVar(&s.json, "json", "", "write everything that was measured to this `file`")
	f.StringVar(&s.markdown, "markdown", "", "write the tables between the markers of this `file`")
	f.StringVar(&s.build, "build", "", "what is measured, for the report, such as a version")
	clients := f.String("clients", "1,32,128,512", "connections, one measurement each")
	bodies := f.String("bodies", "24,1KiB,64KiB,1MiB", fmt.Sprintf("bytes of a body, the least first; others are measured at %d clients only", bodyClients))
	systems := f.String("systems", strings.Join(systemNames(), ","), "systems to compare")
	parts := f.String("parts", comparePart+","+screenPart, "what to measure: the systems compared, what the screen costs")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for _, c := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return s, fmt.Errorf("--clients %s: %q is not a number of connections", *clients, c)
		}
		s.clients = append(s.clients, n)
	}
	for _, text := range strings.Split(*bodies, ",") {
		n, err := parseSize(text)
		if err != nil || n < 1 || len(sameBody(n)) != n || len(s.bodies) > 0 && n <= s.bodies[len(s.bodies)-1] {
			return s, fmt.Errorf("--bodies %s: %q is not a size, such as 24 or 64KiB, that is more than the one before; from 31 bytes on there may be any",
				*bodies, text)
		}
		s.bodies = append(s.bodies, n)
	}
	s.systems = strings.Split(*systems, ",")
	for _, name := range s.systems {
		if !slices.Contains(systemNames(), name) {
			return s, fmt.Errorf("--systems %s: %q is none of %s", *systems, name, strings.Join(systemNames(), ", "))
		}
	}
	s.parts = strings.Split(*parts, ",")
	for _, name := range s.parts {
		if name != comparePart && name != screenPart {
			return s, fmt.Errorf("--parts %s: %q is neither %s nor %s", *parts, name, comparePart, screenPart)
		}
	}
	if s.rounds < 1 || s.seconds < 1 || s.check < 1 {
		return s, errors.New("--rounds, --seconds and --check are at least 1")
	}
	return s, nil
}

func run(ctx context.Context, s settings) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is missing; install it, on Debian and Ubuntu with  apt-get install wrk")
	}
	program, err := filepath.Abs(s.faasd)
	if err != nil {
		return err
	}
	for _, needed := range []string{program, faasctl(program)} {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("what is measured: %w; build it with  make build", err)
		}
	}
	folder, err := os.MkdirTemp("", "faasd-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	b := &bench{settings: s, starter: newStarter(folder, program)}
	report := report{Taken: time.Now().UTC(), Build: s.build, Machine: thisMachine(ctx), Rounds: s.rounds,
		Seconds: s.seconds}
	if slices.Contains(s.parts, comparePart) {
		for round := range s.rounds {
			taken, err := b.round(ctx, round)
			report.Measurements = append(report.Measurements, taken...)
			if err != nil {
				return errors.Join(err, b.late)
			}
		}
		report.Results = summarize(report.Measurements)
	}
	if slices.Contains(s.parts, screenPart) {
		if report.Screen, report.Crowded, err = b.screen(ctx); err != nil {
			return errors.Join(err, b.late)
		}
	}
	for _, t := range report.tables() {
		fmt.Print("\n" + t.text())
	}
	if err := report.write(s.json, s.markdown); err != nil {
		return err
	}
	if lost := report.failures(); lost > 0 {
		return fmt.Errorf("%d requests were lost or answered wrongly; nothing may be", lost)
	}
	return b.late
}

// faasctl is the program beside faasd.
func faasctl(faasd string) string { return filepath.Join(filepath.Dir(faasd), "faasctl") }

// A bench is one run.
type bench struct {
	settings
	starter *starter
	late    error // processes that had to be killed; the numbers stand, the run fails
}

// round starts every system anew and measures them in turn under each load, so that what else the machine
// does meanwhile falls on all of them. Each round begins with another system.
func (b *bench) round(ctx context.Context, round int) (taken []measurement, err error) {
	first := round % len(b.systems)
	var systems []*system
	defer func() {
		for _, sys := range systems {
			b.late = errors.Join(b.late, sys.stop())
		}
	}()
	for _, name := range slices.Concat(b.systems[first:], b.systems[:first]) {
		sys, err := b.starter.start(ctx, name)
		if err != nil {
			return nil, err
		}
		systems = append(systems, sys)
	}
	for _, sys := range systems { // a cold start is not what is measured
		m, err := b.wrk(ctx, sys, load{32, b.bodies[0]}, 1)
		if err != nil {
			return nil, err
		}
		if m.failures() > 0 {
			return nil, fmt.Errorf("warming up: %s", m)
		}
	}
	for _, l := range loads(b.clients, b.bodies) {
		for _, sys := range systems {
			m, err := b.measure(ctx, sys, l)
			if err != nil {
				return taken, err
			}
			m.Round = round + 1
			fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", m.Round, b.rounds, m)
			taken = append(taken, m)
		}
	}
	return taken, nil
}
