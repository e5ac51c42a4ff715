package queue

import (
	"cmp"
	"math"
	"slices"
	"time"

	"faasd/internal/latency"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// sweepEvery is how often latencies that are older than a minute are dropped.
const sweepEvery = 5 * time.Second

// latencies are how long the jobs of the last minute were here, by function,
// also of one that was forgotten since. Those of functions beyond maxFunctions
// are together under "".
type latencies map[string]*latency.Window

func (l latencies) add(now role.Time, function string, took time.Duration) {
	w := l[function]
	if w == nil && len(l) >= maxFunctions {
		function = ""
		w = l[function]
	}
	if w == nil {
		w = new(latency.Window)
		l[function] = w
	}
	w.Add(now, took)
}

// encoded are the sketches of a Detail: those of the functions that did most,
// and all others in one.
func (l latencies) encoded(now role.Time) map[string][]byte {
	type window struct {
		function string
		count    uint64
	}
	most := make([]window, 0, len(l))
	for name, w := range l {
		most = append(most, window{name, w.Count(now)})
	}
	slices.SortFunc(most, func(a, b window) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.function, b.function))
	})
	all := make(map[string][]byte)
	var others latency.Sum
	bytes := latency.MaxEncoded // of the others
	for _, w := range most {
		if w.function != "" && len(all) < wire.MaxLatencies {
			b := l[w.function].Append(now, nil)
			if bytes += len(b); len(b) == 0 {
				continue
			} else if bytes <= wire.MaxLatencyBytes {
				all[w.function] = b
				continue
			}
		}
		l[w.function].AddTo(now, &others)
	}
	if b := others.Append(nil); len(b) > 0 {
		all[""] = b
	}
	return all
}

// sweep drops what is older than a minute, with its memory.
func (m *Machine) sweep(now role.Time) {
	if now < m.swept+sweepEvery {
		return
	}
	m.swept = now
	m.dispatchLeft(now)
	for name, w := range m.latencies {
		if w.Empty(now) {
			delete(m.latencies, name)
		}
	}
	for _, w := range m.workers {
		w.took.Empty(now)
	}
}

// returned counts a job that a worker has returned, with the time that it says to have
// run it; 0 if it does not say.
func (m *Machine) returned(now role.Time, w *worker, f *function, e *entry, ran time.Duration, code wire.Code) {
	w.done++
	if code != wire.CodeOK {
		w.failed++
	}
	if e.worker == w { // and not another, by now
		took := max(now-e.started, ran)
		w.took.Add(now, took)
		if f.ran(took); !f.long() { // which was not known, perhaps, when it came
			m.shortCame = max(m.shortCame, e.here)
		}
	}
}

// p99 is the 99th percentile of the worker's last minute, ms, to the µs.
func (w *worker) p99(now role.Time) float64 {
	var sum latency.Sum
	w.took.AddTo(now, &sum)
	return math.Round(sum.Quantile(0.99)*1000) / 1000
}

// oldestJob is the job that the worker has had longest, nil if it has none.
func (w *worker) oldestJob() *entry {
	var oldest *entry
	for _, e := range w.jobs {
		if e.ahead {
			continue
		}
		if oldest == nil || e.started < oldest.started || e.started == oldest.started && e.number < oldest.number {
			oldest = e
		}
	}
	return oldest
}
