package metrics

import (
	"slices"
	"time"
)

const (
	// MaxFunctions bounds the functions that are told apart, and with them how
	// many time series a part has.
	MaxFunctions = 100
	// Others is the label of all other functions together. No function has that
	// name.
	Others = "(others)"
)

// bounds are the upper bounds of a histogram's buckets, s.
var bounds = [...]float64{
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
}

// maxResults is how many results are told apart.
const maxResults = 16

// Tally counts by function what became of jobs, and how long it took. The zero
// Tally is ready. It is for one goroutine; adding allocates nothing once a
// function is known.
type Tally struct{ functions map[string]*tallied }

type tallied struct {
	results [maxResults]uint64
	took    [len(bounds) + 1]uint64 // how many were in each bucket; the last has those beyond all bounds
	seconds float64                 // of all
}

// Label is what a function is called in labels: its name, or Others once
// MaxFunctions have names. A function that has a name once keeps it.
func (t *Tally) Label(function string) string {
	if t.functions == nil {
		t.functions = make(map[string]*tallied)
	}
	if t.functions[function] != nil {
		return function
	}
	if len(t.functions) >= MaxFunctions {
		function = Others
	}
	if t.functions[function] == nil {
		t.functions[function] = new(tallied)
	}
	return function
}

// Count is how many had a result, of all functions.
func (t *Tally) Count(result int) (n uint64) {
	for _, c := range t.functions {
		n += c.results[min(result, maxResults-1)]
	}
	return n
}

// Add counts one. The result is a number below 16; those from 15 on are counted
// together.
func (t *Tally) Add(function string, result int, took time.Duration) {
	c := t.functions[function]
	if c == nil {
		c = t.functions[t.Label(function)]
	}
	c.results[min(result, maxResults-1)]++
	s := max(took, 0).Seconds()
	c.seconds += s
	i, _ := slices.BinarySearch(bounds[:], s)
	c.took[i]++
}
