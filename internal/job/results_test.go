package job

import (
	"encoding/binary"
	"testing"

	"faasd/internal/wire"
)

func jobID(n uint64) (id wire.JobID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// newResult makes the result of an origin's job; ids of different origins differ.
func newResult(origin wire.Incarnation, seq uint64, body int) *wire.Message {
	m := &wire.Message{Header: wire.Header{Type: wire.TypeResult, Job: jobID(uint64(origin)<<40 + seq), Origin: origin, OriginSeq: seq}}
	m.SetBody(make([]byte, body))
	return m
}

// sizes fails if anything in the store is larger than what it holds explains.
func (r *Results) sizes(t *testing.T, bounds Window) {
	t.Helper()
	var bytes uint64
	perOrigin := make(map[wire.Incarnation]int)
	for id, m := range r.byID {
		if m.Job != id {
			t.Fatalf("result of %s kept as %s", m.Job, id)
		}
		bytes += m.Size()
		perOrigin[m.Origin]++
	}
	if bytes != r.bytes {
		t.Fatalf("%d bytes are counted, %d kept", r.bytes, bytes)
	}
	if uint64(len(r.byID)) > bounds.Count || bytes > bounds.Bytes {
		t.Fatalf("%d results of %d bytes, want at most %+v", len(r.byID), bytes, bounds)
	}
	room := 8 * (64 + 2*int(bounds.Count))
	if most := 64 + 2*len(r.byID); r.order.Len() > most || cap(r.order.all) > room {
		t.Fatalf("an order of %d (room for %d) for %d results", r.order.Len(), cap(r.order.all), len(r.byID))
	}
	for inc, o := range r.origins {
		if most := 64 + 2*perOrigin[inc]; o.kept.Len() > most || cap(o.kept.all) > room {
			t.Fatalf("a list of %d (room for %d) for %d results of %v", o.kept.Len(), cap(o.kept.all), perOrigin[inc], inc)
		}
	}
}

func TestResultsAreKeptWithinBounds(t *testing.T) {
	for _, c := range []struct {
		name   string
		bounds Window
		body   int
		want   uint64 // how many are left of ten
	}{
		{"count", Window{Count: 4, Bytes: 1 << 30}, 10, 4},
		{"bytes", Window{Count: 100, Bytes: 3 * (100 + minSize)}, 100, 3},
		{"one byte short", Window{Count: 100, Bytes: 3*(100+minSize) - 1}, 100, 2},
		{"nothing", Window{}, 0, 0},
		{"each larger than the bound", Window{Count: 100, Bytes: 1000}, 2000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewResults(c.bounds)
			for seq := range uint64(10) {
				r.Put(newResult(1, seq, c.body))
				r.sizes(t, c.bounds)
			}
			for seq := range uint64(10) {
				got := r.Get(newResult(1, seq, 0).Job)
				if want := seq >= 10-c.want; want != (got != nil) {
					t.Errorf("result %d kept: %t, want %t", seq, got != nil, want)
				} else if want && got.OriginSeq != seq {
					t.Errorf("result %d is that of %d", seq, got.OriginSeq)
				}
			}
		})
	}
}

func TestResultsThatWereReceivedAreDropped(t *testing.T) {
	r := NewResults(wide)
	for _, origin := range []wire.Incarnation{1, 2} {
		for seq := uint64(1); seq <= 9; seq++ {
			r.Put(newResult(origin, seq, 0))
		}
	}
	r.Closed(1, 5)
	r.Closed(1, 3) // overtaken
	r.Closed(3, 5) // of nobody
	for _, origin := range []wire.Incarnation{1, 2} {
		for seq := uint64(1); seq <= 9; seq++ {
			want := origin == 2 || seq >= 5
			if got := r.Get(newResult(origin, seq, 0).Job); want != (got != nil) {
				t.Errorf("result %d of %v kept: %t, want %t", seq, origin, got != nil, want)
			}
		}
	}
	late := newResult(1, 4, 0)
	r.Put(late)
	if r.Get(late.Job) != nil {
		t.Error("a result is kept that nobody will ask for")
	}
	r.sizes(t, wide)
}

func TestResultsThatCameOutOfOrderAreDroppedWhenAllAreReceived(t *testing.T) {
	r := NewResults(wide)
	for _, seq := range []uint64{7, 3, 9, 1, 5} {
		r.Put(newResult(1, seq, 0))
	}
	r.Closed(1, 6)
	for _, seq := range []uint64{7, 9} {
		if r.Get(newResult(1, seq, 0).Job) == nil {
			t.Errorf("result %d is gone before it was received", seq)
		}
	}
	r.Closed(1, 10)
	if len(r.byID) != 0 || r.bytes != 0 {
		t.Errorf("%d results of %d bytes are left", len(r.byID), r.bytes)
	}
}

func TestFirstResultOfAJobCounts(t *testing.T) {
	r := NewResults(wide)
	first, second := newResult(1, 1, 10), newResult(1, 1, 20)
	r.Put(first)
	r.Put(second)
	if r.Get(first.Job) != first {
		t.Error("a second run's result has replaced the first's")
	}
	r.sizes(t, wide)
}

func TestForgottenOriginsLeaveNothing(t *testing.T) {
	r := NewResults(wide)
	for origin := wire.Incarnation(1); origin <= 3; origin++ {
		for seq := range uint64(50) {
			r.Put(newResult(origin, seq, 10))
		}
	}
	r.Forget(2)
	r.Forget(2)
	r.Forget(99)
	if r.Get(newResult(2, 1, 0).Job) != nil || r.Get(newResult(1, 1, 0).Job) == nil || r.Get(newResult(3, 1, 0).Job) == nil {
		t.Error("another origin's results are gone, or this one's are not")
	}
	r.sizes(t, wide)
	r.Forget(1)
	r.Forget(3)
	if len(r.byID)+len(r.origins)+r.order.Len() != 0 || r.bytes != 0 {
		t.Errorf("%d results, %d origins, %d in order, %d bytes are left", len(r.byID), len(r.origins), r.order.Len(), r.bytes)
	}
}

func TestResultsDoNotGrowInAMillionJobs(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(r *Results, seq uint64)
	}{
		{"received at once", func(r *Results, seq uint64) {
			r.Put(newResult(1, seq, 0))
			r.Closed(1, seq)
		}},
		{"received in batches, or never", func(r *Results, seq uint64) {
			r.Put(newResult(1+wire.Incarnation(seq%2), seq, 0))
			if seq%5000 == 0 {
				r.Closed(1, seq)
			}
		}},
		// A job that runs for hours keeps everything behind it from being closed.
		{"one job stays open", func(r *Results, seq uint64) {
			r.Put(newResult(1, seq, 0))
			r.Closed(1, min(seq, 7))
		}},
		{"another origin's oldest stays", func(r *Results, seq uint64) {
			if seq == 1 {
				r.Put(newResult(2, seq, 0))
			}
			r.Put(newResult(1, seq, 0))
			r.Closed(1, seq)
		}},
		{"origins come and go", func(r *Results, seq uint64) {
			origin := wire.Incarnation(seq / 100)
			r.Put(newResult(origin, seq, 0))
			if seq%100 == 99 {
				r.Forget(origin)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bounds := Window{Count: 1000, Bytes: 1 << 20}
			r := NewResults(bounds)
			for seq := range uint64(200_000) {
				c.put(r, seq+1)
				if seq%1000 == 0 {
					r.sizes(t, bounds)
				}
			}
			r.sizes(t, bounds)
		})
	}
}

func TestOriginsOfWhichNothingIsKeptAreForgotten(t *testing.T) {
	r := NewResults(Window{10, 1 << 20})
	for i := range 10 * maxOrigins {
		m := &wire.Message{Header: wire.Header{Type: wire.TypeResult, Origin: wire.Incarnation(1 + i), OriginSeq: 1}}
		m.Job[0], m.Job[1] = byte(i), byte(i>>8)
		r.Put(m)
		r.Closed(m.Origin, 2)
	}
	if n := len(r.origins); n > maxOrigins {
		t.Errorf("%d origins are remembered", n)
	}
}
