package job

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAFIFOIsASliceThatIsTakenFromInFront(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var f FIFO[int]
	var want []int
	for i := range 100_000 {
		if most := 1 + i%2000; random.IntN(most+len(want)) < most {
			f.Push(i)
			want = append(want, i)
		} else if random.IntN(10) == 0 {
			at := random.IntN(len(want))
			f.Delete(at)
			want = slices.Delete(want, at, at+1)
		} else {
			n := 1 + random.IntN(len(want))
			f.Drop(n)
			want = want[n:]
		}
		if f.Len() != len(want) || f.Len() < 100 && !slices.Equal(f.Items(), want) {
			t.Fatalf("after %d steps it has %v, want %v", i+1, f.Items(), want)
		}
	}
}

func TestAFIFOKeepsNothingAliveAndReusesItsMemory(t *testing.T) {
	var f FIFO[*int]
	for range 10 {
		f.Push(new(int))
	}
	f.Drop(7)
	for i, p := range f.all[:f.head] {
		if p != nil {
			t.Errorf("what was taken from place %d is still held", i)
		}
	}
	v := new(int)
	if n := testing.AllocsPerRun(1000, func() {
		f.Push(v)
		f.Drop(1)
	}); n != 0 {
		t.Errorf("adding one and taking one costs %v allocations", n)
	}
	for range 2 * keepFIFO {
		f.Push(v)
	}
	f.Drop(f.Len())
	if cap(f.all) > keepFIFO {
		t.Errorf("an empty one keeps room for %d", cap(f.all))
	}
}
