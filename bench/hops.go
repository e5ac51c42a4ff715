package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// hopForwarders pass a message on, so that it crosses six links until it is back where it was sent: as many as a job of faasd
// and its result cross.
const hopForwarders = 5

// hopsSource is the program of the six hops; it is in C so that Go's part in faasd's round trip can be told from ZeroMQ's.
//
//go:embed hops/hops.c
var hopsSource []byte

// A floor is what six hops of ZeroMQ over tcp take in C, one message at a time.
type floor struct {
	Round      int     `json:"round"`
	RoundTrips int     `json:"round_trips"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
}

func (f floor) String() string {
	return fmt.Sprintf("six hops in C: p50 %s, p99 %s", duration(f.P50), duration(f.P99))
}

// buildHops compiles the six hops, and returns the program.
func (s *starter) buildHops(ctx context.Context) (program string, err error) {
	program = filepath.Join(s.folder, "hops")
	source := program + ".c"
	if err := os.WriteFile(source, hopsSource, 0o600); err != nil {
		return "", err
	}
	flags, err := s.run(ctx, "pkg-config", "--cflags", "--libs", "libzmq")
	if err != nil {
		return "", fmt.Errorf("ask pkg-config for libzmq: %w; install what is missing with  scripts/deps", err)
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	args := append([]string{"-O2", "-Wall", "-Werror", "-o", program, source}, strings.Fields(string(flags))...)
	if _, err := s.run(ctx, compiler, args...); err != nil {
		return "", fmt.Errorf("compile the six hops: %w", err)
	}
	return program, nil
}

// hops has a message go round for some seconds.
func (s *starter) hops(ctx context.Context, program string, seconds int) (f floor, err error) {
	ring := &system{}
	defer func() {
		if late := ring.stop(); err == nil {
			err = late
		}
	}()
	var first, last string
	for n := range hopForwarders {
		args := []string{"forward"}
		if n > 0 {
			args = append(args, last)
		}
		p, err := s.add(ring, fmt.Sprintf("hop%d", n+1), program, args...)
		if err != nil {
			return f, err
		}
		links, err := ready(ctx, p)
		if err != nil {
			return f, err
		}
		if last = links["out"]; n == 0 {
			first = links["in"]
		}
	}
	p, err := s.add(ring, "hops", program, "measure", first, last, strconv.Itoa(seconds))
	if err != nil {
		return f, err
	}
	if err := pause(ctx, time.Duration(seconds)*time.Second); err != nil {
		return f, err
	}
	err = p.await(ctx, "what it measured", func(line string) bool {
		var ok bool
		f, ok = parseHops(line)
		return ok
	})
	return f, err
}

// parseHops reads the line  result hops round_trips=N p50_ns=N p99_ns=N.
func parseHops(line string) (f floor, ok bool) {
	var p50, p99 int
	_, err := fmt.Sscanf(line, "result hops round_trips=%d p50_ns=%d p99_ns=%d", &f.RoundTrips, &p50, &p99)
	f.P50, f.P99 = float64(p50)/1000, float64(p99)/1000
	return f, err == nil
}
