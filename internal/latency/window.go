package latency

import (
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/store"
)

// A window is made of spans: with the present one, what it tells is of the last
// 55 to 60 s.
const (
	spans   = 12
	spanFor = 5 * time.Second
)

// Window is how long things took in the last minute. The zero Window is empty
// and ready to use. It has 8 bytes for each time that was added, and at most
// some 200 kB.
type Window struct {
	spans []span // oldest first
}

// span is what was added in one spanFor.
type span struct {
	number int64 // of spanFor since the clock's 0
	count  uint64
	max    float64 // ms
	times  *store.BufferedPaginatedStore
}

// Add notes that something took that long, as of now.
func (w *Window) Add(now, took time.Duration) {
	if number := int64(now / spanFor); len(w.spans) == 0 || w.spans[len(w.spans)-1].number < number {
		w.begin(number)
	}
	s := &w.spans[len(w.spans)-1]
	ms := millis(took)
	s.count++
	s.max = max(s.max, ms)
	s.times.Add(bins.Index(ms))
}

// begin adds a span, in the memory of one that has aged if there is one.
func (w *Window) begin(number int64) {
	fresh := span{number: number}
	if len(w.spans) > 0 && w.spans[0].aged(number) {
		fresh.times = w.spans[0].times
		fresh.times.Clear()
		w.spans = slices.Delete(w.spans, 0, 1)
	} else {
		fresh.times = store.NewBufferedPaginatedStore()
	}
	w.spans = append(w.spans, fresh)
}

func (s *span) aged(number int64) bool { return s.number <= number-spans }

// Empty drops what is older than a minute, with its memory, and reports whether
// nothing is left.
func (w *Window) Empty(now time.Duration) bool {
	number := int64(now / spanFor)
	if w.spans = slices.DeleteFunc(w.spans, func(s span) bool { return s.aged(number) }); len(w.spans) == 0 {
		w.spans = nil
	}
	return w.spans == nil
}

// Count is the number of times of the last minute.
func (w *Window) Count(now time.Duration) (n uint64) {
	number := int64(now / spanFor)
	for i := range w.spans {
		if s := &w.spans[i]; !s.aged(number) {
			n += s.count
		}
	}
	return n
}

// AddTo adds all of the last minute to a sum.
func (w *Window) AddTo(now time.Duration, sum *Sum) {
	number := int64(now / spanFor)
	for i := range w.spans {
		if s := &w.spans[i]; !s.aged(number) {
			sum.add(s.times, s.max)
		}
	}
}

// Append appends all of the last minute, encoded for [Sum.Merge]; nothing if
// there is none.
func (w *Window) Append(now time.Duration, b []byte) []byte {
	var sum Sum
	w.AddTo(now, &sum)
	return sum.Append(b)
}
