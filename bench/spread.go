package main

import (
	"fmt"
	"math"
	"slices"
)

// A spread is the median of several rounds, and the quartiles: half of the rounds are between these. It is zero if nothing
// was measured.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf[T any](rounds []T, of func(*T) float64) spread {
	var values []float64
	for i := range rounds {
		values = append(values, of(&rounds[i]))
	}
	return spreadOver(values)
}

func spreadOver(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{median(values), percentile(values, 0.25), percentile(values, 0.75)}
}

func (s spread) format(verb string) string {
	return s.say(func(v float64) string { return fmt.Sprintf(verb, v) })
}

// say writes the median, and the quartiles where they differ, each as told.
func (s spread) say(as func(float64) string) string {
	if s.Low == s.High {
		return as(s.Median)
	}
	return as(s.Median) + " (" + as(s.Low) + " to " + as(s.High) + ")"
}

// ratio writes a ratio, or a dash if there is none.
func (s spread) ratio(unit string) string {
	if s.Median == 0 {
		return "–"
	}
	return s.say(func(v float64) string { return fmt.Sprintf("%.2f", v) }) + unit
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// percentile is the least value that the share q of all does not exceed.
func percentile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
