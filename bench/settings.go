package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

type settings struct {
	faasd     string
	functions string
	rounds    int
	seconds   int
	check     int
	clients   []int
	bodies    []int // bytes
	systems   []string
	parts     []string
	source    string
	json      string
	markdown  string
	plot      string
	build     string
}

// parse reads the flags; BENCH_ROUNDS and BENCH_SECONDS are defaults for theirs.
func parse(args []string, env func(string) string) (settings, error) {
	var s settings
	var unusable error
	number := func(name string, otherwise int) int {
		if env(name) == "" {
			return otherwise
		}
		n, err := strconv.Atoi(env(name))
		if err != nil {
			unusable = errors.Join(unusable, fmt.Errorf("%s is a number, not %q", name, env(name)))
		}
		return n
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&s.faasd, "faasd", "bin/faasd", "the faasd program to measure, with faasctl beside it")
	f.StringVar(&s.functions, "functions", "bin/functions", "the `folder` of the functions that are deployed, as  make bench  builds them")
	f.StringVar(&s.source, "source", ".", "the `folder` of faasd's source, whose benchmarks the units are taken from")
	f.IntVar(&s.rounds, "rounds", number("BENCH_ROUNDS", 3), "rounds; the table shows the median (BENCH_ROUNDS)")
	f.IntVar(&s.seconds, "seconds", number("BENCH_SECONDS", 5), "seconds of each measurement (BENCH_SECONDS)")
	f.IntVar(&s.check, "check", 2000, "requests with unique bodies after each measurement")
	f.StringVar(&s.json, "json", "", "write everything that was measured to this `file`")
	f.StringVar(&s.markdown, "markdown", "", "write the tables, and where the curves are, between the markers of this `file`")
	f.StringVar(&s.plot, "plot", "", "draw curves into this SVG `file`")
	f.StringVar(&s.build, "build", "", "what is measured, for the report, such as a version")
	clients := f.String("clients", "1,32,128,512", "connections, one measurement each")
	bodies := f.String("bodies", "24,1KiB,64KiB,1MiB", fmt.Sprintf("bytes of a body, the least first; others are measured at %d clients only", bodyClients))
	systems := f.String("systems", strings.Join(systemNames(), ","), "systems to compare")
	parts := f.String("parts", strings.Join(partNames()[:len(parts)-1], ","), "what to measure, a table or more each; also units, for docs/SCALING.md; see docs/BENCHMARKS.md")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if unusable != nil {
		return s, unusable
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err := s.choose(*clients, *bodies, *systems, *parts); err != nil {
		return s, err
	}
	if s.rounds < 1 || s.seconds < 1 || s.check < 1 {
		return s, errors.New("--rounds, --seconds and --check are at least 1")
	}
	return s, nil
}

// choose reads the lists, with commas between their elements.
func (s *settings) choose(clients, bodies, systems, parts string) error {
	for _, c := range strings.Split(clients, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return fmt.Errorf("--clients %s: %q is not a number of connections", clients, c)
		}
		s.clients = append(s.clients, n)
	}
	for _, text := range strings.Split(bodies, ",") {
		n, err := parseSize(text)
		if err != nil || n < 1 || len(sameBody(n)) != n || len(s.bodies) > 0 && n <= s.bodies[len(s.bodies)-1] {
			return fmt.Errorf("--bodies %s: %q is not a size, such as 24 or 64KiB, that is more than the one before; from 31 bytes on there may be any",
				bodies, text)
		}
		s.bodies = append(s.bodies, n)
	}
	s.systems = strings.Split(systems, ",")
	for _, name := range s.systems {
		if !slices.Contains(systemNames(), name) {
			return fmt.Errorf("--systems %s: %q is none of %s", systems, name, strings.Join(systemNames(), ", "))
		}
	}
	s.parts = strings.Split(parts, ",")
	for _, name := range s.parts {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("--parts %s: %q is none of %s", parts, name, strings.Join(partNames(), ", "))
		}
	}
	return nil
}
