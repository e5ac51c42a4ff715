package metrics

import "github.com/prometheus/client_golang/prometheus"

// Sink takes what is told at one scrape.
type Sink struct{ got []prometheus.Metric }

// Set tells a gauge or a counter. The labels' values are in the order of the
// metric's labels.
func (s *Sink) Set(m *Metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.Kind == counter {
		kind = prometheus.CounterValue
	}
	s.got = append(s.got, prometheus.MustNewConstMetric(m.desc, kind, value, labels...))
}

// Add takes all that another sink has.
func (s *Sink) Add(o *Sink) { s.got = append(s.got, o.got...) }

// Flag tells a gauge that is 1 for yes.
func (s *Sink) Flag(m *Metric, yes bool, labels ...string) {
	value := 0.0
	if yes {
		value = 1
	}
	s.Set(m, value, labels...)
}

// Tally tells what was counted by function: how many had which result, in the
// metric results, whose labels are name, function and result, as named; and how
// long they took, in seconds, whose labels are name and function.
func (s *Sink) Tally(t *Tally, results, seconds *Metric, name string, named func(result int) string) {
	for function, c := range t.functions {
		for result, n := range c.results {
			if n > 0 {
				s.Set(results, float64(n), name, function, named(result))
			}
		}
		buckets := make(map[float64]uint64, len(bounds))
		below := uint64(0)
		for i, bound := range bounds {
			below += c.took[i]
			buckets[bound] = below
		}
		s.got = append(s.got, prometheus.MustNewConstHistogram(seconds.desc, below+c.took[len(bounds)], c.seconds, buckets, name, function))
	}
}
