package latency

import (
	"errors"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	enc "github.com/DataDog/sketches-go/ddsketch/encoding"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// Sum is what several windows have in common. The zero Sum is empty and ready
// to use. Its memory is bounded: 16 kB.
type Sum struct {
	times *store.CollapsingLowestDenseStore
	max   float64 // ms
}

func (s *Sum) add(times store.Store, longest float64) {
	if s.times == nil {
		s.times = store.NewCollapsingLowestDenseStore(maxBins)
	}
	s.times.MergeWith(times)
	s.max = max(s.max, longest)
}

// Add adds all of another sum.
func (s *Sum) Add(o *Sum) {
	if o.times != nil {
		s.add(o.times, o.max)
	}
}

// Count is the number of times.
func (s *Sum) Count() uint64 {
	if s.times == nil {
		return 0
	}
	return uint64(s.times.TotalCount())
}

// Max is the longest time, ms, exactly; 0 if there is none.
func (s *Sum) Max() float64 { return s.max }

// Quantile is the shortest of the times, ms, that the part q of all does not
// exceed, within [Error]; 0 if there is none. Of few times that is the longest.
func (s *Sum) Quantile(q float64) float64 {
	n := s.Count()
	if n == 0 {
		return 0
	}
	rank := math.Ceil(min(max(q, 0), 1) * float64(n)) // from 1
	return min(bins.Value(s.times.KeyAtRank(max(rank-1, 0))), s.max)
}

// Bin is how many times were below a limit, and not below the one before.
type Bin struct {
	Below float64 `json:"below_ms"`
	Count uint64  `json:"count"`
}

// Bins tells how the times are spread: how many are below each of the limits 1, 2
// and 5 ms, their tenths and multiples of ten, from the first to the last that
// have any. The error of a limit is [Error].
func (s *Sum) Bins() (list []Bin) {
	if s.Count() == 0 {
		return nil
	}
	s.times.ForEach(func(bin int, count float64) bool {
		for len(list) == 0 || bins.Value(bin) >= list[len(list)-1].Below {
			list = append(list, Bin{Below: above(list, bins.Value(bin))})
		}
		list[len(list)-1].Count += uint64(count)
		return false
	})
	return list
}

// above is the limit behind the last of list; of an empty one, the first above a
// time.
func above(list []Bin, ms float64) float64 {
	limit := limits(0)
	for n := 1; limit <= ms && len(list) == 0 || len(list) > 0 && limit <= list[len(list)-1].Below; n++ {
		limit = limits(n)
	}
	return limit
}

// limits are 0.001, 0.002, 0.005, 0.01, … ms.
func limits(n int) float64 {
	return []float64{1, 2, 5}[n%3] * math.Pow(10, float64(n/3-3))
}

// Append appends the sum, encoded for [Sum.Merge]; nothing if it is empty. It
// is what sketches-go decodes as a DDSketchWithExactSummaryStatistics.
func (s *Sum) Append(b []byte) []byte {
	n := s.Count()
	if n == 0 {
		return b
	}
	first, _ := s.times.MinIndex() // its error is that there is none
	enc.EncodeFlag(&b, enc.FlagCount)
	enc.EncodeVarfloat64(&b, float64(n))
	enc.EncodeFlag(&b, enc.FlagMin)
	enc.EncodeFloat64LE(&b, bins.LowerBound(first))
	enc.EncodeFlag(&b, enc.FlagMax)
	enc.EncodeFloat64LE(&b, s.max)
	bins.Encode(&b)
	s.times.Encode(&b, enc.FlagTypePositiveStore)
	return b
}

const (
	// MaxEncoded is the length in bytes of the longest encoded sum: 9 for the
	// count in each bin, and what is before.
	MaxEncoded = 20 << 10
	// maxCount is how many times an encoded sum may have, so that sums of sums do
	// not overflow.
	maxCount = 1 << 40
)

// ErrMalformed is what all errors of Merge wrap.
var ErrMalformed = errors.New("malformed sketch")

// Merge adds what Append has encoded. An error leaves the sum as it was.
func (s *Sum) Merge(encoded []byte) error {
	if len(encoded) == 0 {
		return nil
	}
	if len(encoded) > MaxEncoded {
		return fmt.Errorf("%w: %d bytes, want %d at most", ErrMalformed, len(encoded), MaxEncoded)
	}
	times, none := newChecked(), newChecked()
	stores := []store.Store{times, none}
	sketch, err := ddsketch.DecodeDDSketchWithExactSummaryStatistics(encoded, func() store.Store {
		next := stores[0]
		stores = stores[1:]
		return next
	}, bins)
	if err = errors.Join(err, times.err, none.err); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	longest, err := sketch.GetMaxValue()
	switch n := times.TotalCount(); {
	case err != nil || n == 0 || sketch.GetZeroCount() != 0 || !none.IsEmpty():
		return fmt.Errorf("%w: no times, or some that are not positive", ErrMalformed)
	case n > maxCount || sketch.GetCount() != n:
		return fmt.Errorf("%w: %g times in all, and %g in its bins", ErrMalformed, sketch.GetCount(), n)
	}
	last, _ := times.MaxIndex() // it is not empty
	if !(longest >= bins.LowerBound(last-1) && longest <= bins.LowerBound(last+2)) {
		return fmt.Errorf("%w: the longest time of %g ms is not in the last bin, of %g ms", ErrMalformed, longest, bins.Value(last))
	}
	s.add(times.CollapsingLowestDenseStore, longest)
	return nil
}

// checked is a store for what a stranger sends: sketches-go takes any index and
// any count, which can make it panic or grow, and drops the errors of stores.
type checked struct {
	*store.CollapsingLowestDenseStore
	err error // the first
}

func newChecked() *checked {
	return &checked{CollapsingLowestDenseStore: store.NewCollapsingLowestDenseStore(maxBins)}
}

func (c *checked) Add(bin int) { c.AddWithCount(bin, 1) }

func (c *checked) AddWithCount(bin int, count float64) {
	switch {
	case c.err != nil:
	case bin < firstBin || bin > lastBin:
		c.err = fmt.Errorf("bin %d, want %d to %d", bin, firstBin, lastBin)
	case !(count >= 0 && count <= maxCount) || count != math.Trunc(count):
		c.err = fmt.Errorf("bin %d with %g times", bin, count)
	default:
		c.CollapsingLowestDenseStore.AddWithCount(bin, count)
	}
}

// DecodeAndMergeWith adds encoded bins.
func (c *checked) DecodeAndMergeWith(b *[]byte, mode enc.SubFlag) error {
	if err := store.DecodeAndMergeWith(c, b, mode); err != nil && c.err == nil {
		c.err = err
	}
	return c.err
}
