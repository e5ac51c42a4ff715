package cluster

import (
	"faasd/internal/latency"
	"faasd/internal/wire"
)

// Latency is how long the jobs answered in the last minute were at their queues,
// ms. The percentiles are within 1 %, of all these jobs together.
type Latency struct {
	Count uint64  `json:"count"` // of these jobs; with 0 the others are 0
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func latencyOf(s *latency.Sum) Latency {
	return Latency{Count: s.Count(), P50: s.Quantile(0.5), P95: s.Quantile(0.95), P99: s.Quantile(0.99), Max: s.Max()}
}

// latencies are those of one queue.
type latencies struct {
	all       latency.Sum
	functions map[string]*latency.Sum // that it tells apart
}

// decode reads the sketches of a detail. One that is none counts nothing: it is
// a stranger's.
func decode(d *wire.Detail) *latencies {
	l := &latencies{functions: make(map[string]*latency.Sum, len(d.Latency))}
	for name, sketch := range d.Latency {
		var s latency.Sum
		if s.Merge(sketch) != nil {
			continue
		}
		l.all.Add(&s)
		if name != "" {
			l.functions[name] = &s
		}
	}
	return l
}

// latency returns what the member's last detail says of latencies.
func (e *Entry) latency() *latencies {
	switch {
	case e.Detail == nil:
		return &latencies{}
	case e.latencies == nil: // most details are never looked at
		e.latencies = decode(e.Detail)
	}
	return e.latencies
}
