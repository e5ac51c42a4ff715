package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// How often, and for how long, each benchmark of a unit is run.
const (
	unitRuns = 5
	unitTime = "100ms"
)

// A unit is what one step of what every job or every state passes costs, as a benchmark of the hot paths measures it.
type unit struct {
	what      string
	pkg       string // below internal
	benchmark string // without the word Benchmark
	metric    string // as the benchmark names it; of ns the unit is in µs
	share     float64
}

// The metrics of benchmarks. Steps of state machines are elapsed time; what the bus does is the processors' time of all threads,
// the kernel's included.
const (
	elapsed   = "ns/op"
	processor = "cpu-ns/op"
)

// The units, by their names in what is reckoned from them.
const (
	endBusy          = "e₁₀₀"
	endIdle          = "e₁"
	delivery         = "d"
	frontendJob      = "frontend"
	frontendCall     = "HTTP call"
	brokerJob        = "broker"
	queueJob         = "queue"
	workerJob        = "worker"
	hearFew          = "h₃"
	hearMany         = "h₃₀₀"
	frontendState    = "frontend's state"
	coordinatorState = "coordinator"
	ownState         = "own state"
	queueSecond      = "queue's second"
	brokerSecond     = "broker's second"
	stateBytes       = "s"
	stateBytesMany   = "s, 100 functions"
	snapshotBytes    = "snapshot"
	jobBytes         = "JOB"
	resultBytes      = "RESULT"
)

// units are all that is measured, in the order of the table.
var units = []struct {
	name string
	unit
}{
	{endBusy, unit{"one end of a hop, messages coming many at a time", "bus", "RoundTrip/tcp/inflight=100", processor, 0.25}},
	{endIdle, unit{"one end of a hop, each message waking both processes", "bus", "RoundTrip/tcp/inflight=1", processor, 0.25}},
	{delivery, unit{"one state to one of many subscribers, both ends", "bus", "FanOut/tcp/subscribers=30", processor, 1.0 / 30}},
	{frontendJob, unit{"a request, from Submit to its answer", "frontend", "Request", elapsed, 1}},
	{frontendCall, unit{"an HTTP call, from the bytes of its head to those of its answer", "frontend/httpcall", "Call", elapsed, 1}},
	{brokerJob, unit{"a job, from its acceptance to its result", "broker", "Job/queues=300", elapsed, 1}},
	{queueJob, unit{"a job, from its arrival to its result", "queue", "Job/workers=3", elapsed, 1}},
	{workerJob, unit{"a job that is given and finished, without the run", "worker", "Job", elapsed, 1}},
	{hearFew, unit{"another queue's state taken in, of 3", "queue", "Hear/queues=3", elapsed, 1}},
	{hearMany, unit{"the same, of 300", "queue", "Hear/queues=300", elapsed, 1}},
	{frontendState, unit{"a queue's state taken in at a frontend", "cluster", "State/queues=300/workers=10000/functions=1", elapsed, 1}},
	{coordinatorState, unit{"a state kept and passed on", "coordinator", "State/functions=1", elapsed, 1}},
	{ownState, unit{"a queue's own state", "queue", "State/workers=33", elapsed, 1}},
	{queueSecond, unit{"a second of a queue without work, 50 brokers", "queue", "Second/brokers=50/workers=33", elapsed, 1}},
	{brokerSecond, unit{"a second of a broker without work", "broker", "Second/queues=300", elapsed, 1}},
	{stateBytes, unit{"a state, encoded", "cluster", "State/queues=300/workers=10000/functions=1", "bytes/value", 1}},
	{stateBytesMany, unit{"the same with 100 functions", "cluster", "State/queues=300/workers=10000/functions=100", "bytes/value", 1}},
	{snapshotBytes, unit{"a snapshot of all states", "coordinator", "Snapshot/queues=300", "bytes/snapshot", 1}},
	{jobBytes, unit{"a job with a body of 24 bytes", "wire", "Encode/JOB", "bytes/message", 1}},
	{resultBytes, unit{"its result", "wire", "Encode/RESULT", "bytes/message", 1}},
}

// costs are the units that were measured, in µs or bytes.
type costs map[string]spread

// units runs the benchmarks that the units are taken from.
func (b *bench) units(ctx context.Context, r *report) error {
	source, err := filepath.Abs(b.source)
	if err != nil {
		return err
	}
	var output []byte
	for _, pkg := range unitPackages() { // one at a time: they are not to disturb each other
		said, err := b.starter.run(ctx, "go", "-C", source, "test", "-run", "^$", "-benchtime", unitTime, "-count", strconv.Itoa(unitRuns),
			"-bench", unitPattern(pkg), "./internal/"+pkg)
		if err != nil {
			return fmt.Errorf("run the benchmarks of %s: %w", filepath.Join(source, "internal", pkg), err)
		}
		output = append(output, said...)
	}
	r.Units, err = parseUnits(string(output))
	return err
}

func unitPackages() (packages []string) {
	for _, u := range units {
		if !slices.Contains(packages, u.pkg) {
			packages = append(packages, u.pkg)
		}
	}
	return packages
}

// unitPattern matches the benchmarks wanted of a package, as go test -bench takes it.
func unitPattern(pkg string) string {
	var patterns []string
	for _, u := range units {
		pattern := "^Benchmark" + strings.ReplaceAll(u.benchmark, "/", "$/^") + "$"
		if u.pkg == pkg && !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return strings.Join(patterns, "|")
}

// parseUnits takes the units out of what go test prints; that one is not there is an error.
func parseUnits(output string) (costs, error) {
	taken := map[string][]float64{} // by package, benchmark and metric
	pkg := ""
	for text := range strings.Lines(output) {
		fields := strings.Fields(text)
		if len(fields) == 2 && fields[0] == "pkg:" {
			_, pkg, _ = strings.Cut(fields[1], "/internal/")
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at > 0 { // behind it is how many processors there are
			name = name[:at]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", strings.TrimSpace(text), err)
			}
			key := strings.Join([]string{pkg, name, fields[i+1]}, " ")
			taken[key] = append(taken[key], value)
		}
	}
	all := costs{}
	for _, u := range units {
		values := taken[strings.Join([]string{u.pkg, u.benchmark, u.metric}, " ")]
		if len(values) == 0 {
			return nil, fmt.Errorf("the benchmarks of internal/%s tell no %s of %s", u.pkg, u.metric, u.benchmark)
		}
		for i := range values {
			if values[i] *= u.share; strings.HasSuffix(u.metric, elapsed) {
				values[i] /= 1000
			}
		}
		all[u.name] = spreadOver(values)
	}
	return all, nil
}

var unitColumns = []string{"", "what", "benchmark", "cost"}

func (r report) unitRows() (rows [][]string) {
	if len(r.Units) == 0 {
		return nil
	}
	for _, u := range units {
		cost := r.Units[u.name].format("%.0f") + " bytes"
		if strings.HasSuffix(u.metric, elapsed) {
			cost = r.Units[u.name].say(microseconds) + " µs"
		}
		rows = append(rows, []string{u.name, u.what, fmt.Sprintf("`%s` %s", u.pkg, u.benchmark), cost})
	}
	return rows
}

func (r report) unitHeading() string {
	return fmt.Sprintf("%s.\nMedians of %d runs of %s each, quartiles in parentheses.", r.takenOn(), unitRuns, unitTime)
}

// microseconds writes a cost with three digits.
func microseconds(us float64) string {
	if us >= 100 {
		return fmt.Sprintf("%.0f", us)
	}
	return fmt.Sprintf("%.3g", us)
}
