package latency

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	enc "github.com/DataDog/sketches-go/ddsketch/encoding"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

const ms = time.Millisecond

// exact is the quantile of known times, ms, by the definition of Quantile.
func exact(times []time.Duration, q float64) float64 {
	slices.Sort(times)
	return max(float64(times[max(int(math.Ceil(q*float64(len(times))))-1, 0)])/1e6, least)
}

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*want }

// loads are known times of very different kinds.
func loads() map[string][]time.Duration {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, one func(i int) time.Duration) (all []time.Duration) {
		for i := range n {
			all = append(all, one(i))
		}
		return all
	}
	return map[string][]time.Duration{
		"one":             {7 * ms},
		"two":             {ms, time.Second},
		"all alike":       draw(1000, func(int) time.Duration { return 3 * ms }),
		"even":            draw(5000, func(i int) time.Duration { return time.Duration(i+1) * 100 * time.Microsecond }),
		"fast and slow":   draw(5000, func(i int) time.Duration { return []time.Duration{200 * time.Microsecond, 30 * time.Second}[i%2] }),
		"one in a 100":    draw(5000, func(i int) time.Duration { return []time.Duration{ms, 5 * time.Second}[min(i%100, 1)] }),
		"long tail":       draw(20000, func(int) time.Duration { return time.Duration(math.Exp(r.NormFloat64()*2) * float64(ms)) }),
		"the whole range": draw(20000, func(int) time.Duration { return time.Duration(math.Exp(r.Float64()*36) * 1e3) }),
		"hours":           draw(300, func(i int) time.Duration { return time.Duration(i+1) * time.Hour }),
	}
}

func TestQuantilesAreWithinOnePercentAndCountAndMaxExact(t *testing.T) {
	for name, times := range loads() {
		t.Run(name, func(t *testing.T) {
			var w Window
			for i, d := range times {
				w.Add(time.Duration(i)*50*time.Second/time.Duration(len(times)), d)
			}
			b := w.Append(50*time.Second, nil)
			if len(b) > MaxEncoded {
				t.Errorf("encoded in %d bytes", len(b))
			}
			var sum Sum
			if err := sum.Merge(b); err != nil {
				t.Fatal(err)
			}
			for _, q := range []float64{0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
				if got, want := sum.Quantile(q), exact(times, q); !near(got, want, Error+1e-9) {
					t.Errorf("quantile %g is %g ms, want %g", q, got, want)
				}
			}
			if got, want := sum.Max(), exact(times, 1); got != want || sum.Count() != uint64(len(times)) {
				t.Errorf("%d times up to %g ms, want %d up to %g", sum.Count(), got, len(times), want)
			}
		})
	}
}

func TestMergedSketchesTellWhatOneOfAllWould(t *testing.T) {
	var all []time.Duration
	var merged, again Sum
	for _, times := range loads() {
		var w Window
		for _, d := range times {
			w.Add(0, d)
		}
		all = append(all, times...)
		if err := merged.Merge(w.Append(0, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := again.Merge(merged.Append(nil)); err != nil { // sums travel too
		t.Fatal(err)
	}
	again.Add(&Sum{})
	for _, s := range []*Sum{&merged, &again} {
		for _, q := range []float64{0.5, 0.95, 0.99} {
			if got, want := s.Quantile(q), exact(all, q); !near(got, want, Error+1e-9) {
				t.Errorf("quantile %g is %g ms, want %g", q, got, want)
			}
		}
		if s.Count() != uint64(len(all)) || s.Max() != exact(all, 1) {
			t.Errorf("%d times up to %g ms", s.Count(), s.Max())
		}
	}
}

func TestAMinuteIsRemembered(t *testing.T) {
	var w Window
	if !w.Empty(0) || len(w.Append(0, []byte("x"))) != 1 {
		t.Error("a new window is not empty")
	}
	at := func(now time.Duration) (s Sum) {
		t.Helper()
		if err := s.Merge(w.Append(now, nil)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	w.Add(2*time.Second, 9*ms)
	w.Add(20*time.Second, 4*ms)
	w.Add(1*time.Second, ms) // a clock that goes back loses nothing
	for _, c := range []struct {
		now   time.Duration
		count uint64
		max   float64
	}{
		{20 * time.Second, 3, 9}, {59 * time.Second, 3, 9}, {60 * time.Second, 2, 4}, {79 * time.Second, 2, 4}, {80 * time.Second, 0, 0},
	} {
		if s := at(c.now); s.Count() != c.count || w.Count(c.now) != c.count || s.Max() != c.max {
			t.Errorf("at %v %d times up to %g ms, want %d up to %g", c.now, s.Count(), s.Max(), c.count, c.max)
		}
	}
	if w.Empty(79*time.Second) || !w.Empty(80*time.Second) || w.spans != nil {
		t.Error("it is not empty when all has aged, and only then")
	}
	for now := range 10 * time.Minute / time.Second { // memory of what has aged is used again, its numbers are not
		w.Add(now*time.Second, time.Duration(now)*ms)
	}
	if s := at(599 * time.Second); s.Count() != 60 || s.Max() != 599 || !near(s.Quantile(0), 540, Error) {
		t.Errorf("%d times of %g to %g ms, want the last 60", s.Count(), s.Quantile(0), s.Max())
	}
	w.Add(2*time.Hour, 5*ms)
	if s := at(2 * time.Hour); s.Count() != 1 || s.Max() != 5 {
		t.Errorf("%d times up to %g ms after a long rest, want one", s.Count(), s.Max())
	}
}

func TestTimesThatCannotBeAreTheShortest(t *testing.T) {
	var w Window
	w.Add(0, 0)
	w.Add(0, -time.Hour)
	var s Sum
	if err := s.Merge(w.Append(0, nil)); err != nil || s.Count() != 2 || s.Quantile(1) > 2*least {
		t.Errorf("%v, %d times up to %g ms", err, s.Count(), s.Quantile(1))
	}
	w.Add(0, math.MaxInt64)
	if err := s.Merge(w.Append(0, nil)); err != nil || s.Count() != 5 || s.Max() != float64(math.MaxInt64)/1e6 {
		t.Errorf("%v, %d times up to %g ms", err, s.Count(), s.Max())
	}
	if s.Quantile(-1) != s.Quantile(0) || s.Quantile(2) != s.Quantile(1) {
		t.Error("quantiles beyond 0 and 1 are not those")
	}
}

func TestOthersCanReadTheSketch(t *testing.T) {
	var w Window
	for i := range 100 {
		w.Add(0, time.Duration(i+1)*ms)
	}
	s, err := ddsketch.DecodeDDSketchWithExactSummaryStatistics(w.Append(0, nil), store.DefaultProvider, nil)
	if err != nil || s.GetCount() != 100 {
		t.Fatalf("%v, %+v", err, s)
	}
	if median, err := s.GetValueAtQuantile(0.5); err != nil || !near(median, 50, Error) {
		t.Errorf("%g, %v", median, err)
	}
}

func TestManyWindowsAreSmall(t *testing.T) {
	// A worker that does a job in a while, as 16,384 of one queue do.
	const windows = 2000
	before := heap()
	all := make([]Window, windows)
	for i := range all {
		for now := range time.Duration(60) {
			all[i].Add(now*time.Second, time.Duration(i+1)*time.Duration(now+1)*time.Microsecond)
		}
	}
	if each := (heap() - before) / windows; each > 3000 {
		t.Errorf("%d bytes each, want 3000 at most", each)
	}
	runtime.KeepAlive(all)
	// And the largest: every bin is used, in every span.
	before = heap()
	all = make([]Window, 2)
	for i := range all {
		for span := range time.Duration(spans) {
			for bin := firstBin; bin <= lastBin; bin++ {
				for range 40 {
					all[i].Add(span*spanFor, time.Duration(bins.Value(bin)*1e6))
				}
			}
		}
	}
	if each := (heap() - before) / 2; each > 300_000 {
		t.Errorf("%d bytes each, want 300,000 at most", each)
	}
	runtime.KeepAlive(all)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestWhatIsNoSketchIsRefusedAndChangesNothing(t *testing.T) {
	var w Window
	for i := range 50 {
		w.Add(0, time.Duration(i+1)*ms)
	}
	good := w.Append(0, nil)
	var s Sum
	if err := s.Merge(good); err != nil {
		t.Fatal(err)
	}
	// made is what sketches-go might have encoded: a head, and bins with counts.
	made := func(count, longest float64, m mapping.IndexMapping, t enc.FlagType, counts map[int]float64) (b []byte) {
		enc.EncodeFlag(&b, enc.FlagCount)
		enc.EncodeVarfloat64(&b, count)
		enc.EncodeFlag(&b, enc.FlagMax)
		enc.EncodeFloat64LE(&b, longest)
		m.Encode(&b)
		for bin, n := range counts {
			enc.EncodeFlag(&b, enc.NewFlag(t, enc.BinEncodingIndexDeltasAndCounts))
			enc.EncodeUvarint64(&b, 1)
			enc.EncodeVarint64(&b, int64(bin))
			enc.EncodeVarfloat64(&b, n)
		}
		return b
	}
	coarse, err := mapping.NewCubicallyInterpolatedMapping(0.02)
	if err != nil {
		t.Fatal(err)
	}
	other, err := mapping.NewLogarithmicMapping(Error)
	if err != nil {
		t.Fatal(err)
	}
	one := bins.Index(1)
	fine := map[int]float64{one: 2}
	positive, nan := enc.FlagTypePositiveStore, math.NaN()
	var check Sum
	if err := check.Merge(made(2, 1, bins, positive, fine)); err != nil {
		t.Fatal(err)
	}
	zeros := made(2, 1, bins, positive, fine)
	enc.EncodeFlag(&zeros, enc.FlagZeroCountVarFloat)
	enc.EncodeVarfloat64(&zeros, 1)
	for name, b := range map[string][]byte{
		"text":                   []byte("no sketch"),
		"cut":                    good[:len(good)-1],
		"only its head":          good[:12],
		"too long":               make([]byte, MaxEncoded+1),
		"zeros":                  zeros,
		"another count":          made(3, 1, bins, positive, fine),
		"no count":               made(nan, 1, bins, positive, fine),
		"empty":                  made(0, 1, bins, positive, nil),
		"a max elsewhere":        made(2, 2, bins, positive, fine),
		"no max":                 made(2, nan, bins, positive, fine),
		"an endless max":         made(2, math.Inf(1), bins, positive, fine),
		"a coarser mapping":      made(2, 1, coarse, positive, fine),
		"another mapping":        made(2, 1, other, positive, fine),
		"negative times":         made(2, 1, bins, enc.FlagTypeNegativeStore, fine),
		"half a time":            made(2.5, 1, bins, positive, map[int]float64{one: 2.5}),
		"too many":               made(maxCount+1, 1, bins, positive, map[int]float64{one: maxCount + 1}),
		"too many in all":        made(maxCount+1, 1, bins, positive, map[int]float64{one: maxCount, one - 1: 1}),
		"a count that is none":   made(2, 1, bins, positive, map[int]float64{one: nan}),
		"counts that cancel":     made(1, 1, bins, positive, map[int]float64{one: 2, one - 1: -1}),
		"a bin too low":          made(3, 1, bins, positive, map[int]float64{one: 2, firstBin - 1: 1}),
		"a bin too high":         made(2, 1e300, bins, positive, map[int]float64{lastBin + 1: 2}),
		"the highest bin of all": made(2, 1e300, bins, positive, map[int]float64{math.MaxInt64: 2}),
	} {
		if err := s.Merge(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Count() != 50 || s.Max() != 50 {
		t.Errorf("%d times up to %g ms are left, want 50 up to 50", s.Count(), s.Max())
	}
}

func FuzzMerge(f *testing.F) {
	for _, times := range loads() {
		var w Window
		for _, d := range times[:min(len(times), 200)] {
			w.Add(0, d)
		}
		f.Add(w.Append(0, nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, twice Sum
		if err := s.Merge(b); err != nil {
			if !errors.Is(err, ErrMalformed) || s.Count() != 0 || s.Max() != 0 {
				t.Fatalf("%v, and %d times", err, s.Count())
			}
			return
		}
		if len(b) == 0 {
			return
		}
		last := 0.0
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			v := s.Quantile(q)
			if !(v >= last && v <= s.Max()) || s.Count() == 0 || s.Count() > maxCount {
				t.Fatalf("quantile %g of %d times is %g ms after %g, of %g at most", q, s.Count(), v, last, s.Max())
			}
			last = v
		}
		if err := twice.Merge(s.Append(nil)); err != nil || twice.Count() != s.Count() || twice.Max() != s.Max() || twice.Quantile(0.5) != s.Quantile(0.5) {
			t.Fatalf("%v: %+v came back as %+v", err, s, twice)
		}
	})
}

func BenchmarkWindowAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var times [4096]time.Duration
	for i := range times {
		times[i] = time.Duration(math.Exp(r.NormFloat64()) * float64(ms))
	}
	var w Window
	now := time.Duration(0)
	b.ReportAllocs()
	for i := range b.N {
		now += 100 * time.Microsecond // 10,000 a second
		w.Add(now, times[i%len(times)])
	}
}

func BenchmarkWindowAppend(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var w Window
	for i := range 600_000 {
		w.Add(time.Duration(i)*100*time.Microsecond, time.Duration(math.Exp(r.NormFloat64())*float64(ms)))
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = w.Append(59*time.Second, out[:0])
	}
	b.ReportMetric(float64(len(out)), "bytes")
}
