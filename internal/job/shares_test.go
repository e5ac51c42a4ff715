package job

import (
	"fmt"
	"testing"
)

// pour has functions take jobs in turn until none may have more, and returns
// how many each holds.
func pour(s *Shares, window Window, size uint64, functions ...string) map[string]uint64 {
	got := make(map[string]uint64)
	for more := true; more; {
		more = false
		for _, f := range functions {
			if s.Admits(f, size, window) {
				s.Add(f, size)
				got[f]++
				more = true
			}
		}
	}
	return got
}

func TestAFunctionHoldsAtMostWhatIsStillFree(t *testing.T) {
	for _, c := range []struct {
		name      string
		window    Window
		size      uint64
		functions []string
		each      uint64
	}{
		{"one alone has half of the count", Window{100, 1 << 30}, 1, []string{"a"}, 50},
		{"two have a third each", Window{99, 1 << 30}, 1, []string{"a", "b"}, 33},
		{"nine have a tenth each", Window{100, 1 << 30}, 1, []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, 10},
		{"one alone has half of the bytes", Window{1000, 100}, 10, []string{"a"}, 5},
		{"two have a third of the bytes each", Window{1000, 90}, 10, []string{"a", "b"}, 3},
		{"a first job may take what is left", Window{1, 10}, 10, []string{"a"}, 1},
		{"one that is larger than the window has room alone", Window{10, 10}, 100, []string{"a", "b"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := pour(&Shares{}, c.window, c.size, c.functions...)
			for f, n := range got {
				if n != c.each {
					t.Errorf("%s holds %d, want %d", f, n, c.each)
				}
			}
		})
	}
}

func TestWhoeverHoldsNothingFindsRoomBesideFloods(t *testing.T) {
	window := Window{1 << 10, 1 << 30}
	var s Shares
	for i := range 10 { // one after the other, each as much as it gets
		pour(&s, window, 1, fmt.Sprint("flood ", i))
		if !s.Admits("quiet", 1, window) {
			t.Fatalf("after %d floods a function that holds nothing finds no room", i+1)
		}
	}
	// Whoever came first gives back before it gets more.
	s.Remove("flood 0", 1)
	if s.Admits("flood 0", 1, window) {
		t.Error("the first flood takes again what it gives back, while others have less")
	}
}

func TestAFunctionThatHoldsNothingIsForgotten(t *testing.T) {
	var s Shares
	for i := range 10 {
		s.Add("a", uint64(i))
	}
	for i := range 10 {
		if len(s.held) != 1 {
			t.Fatalf("%d functions hold something", len(s.held))
		}
		s.Remove("a", uint64(i))
	}
	if len(s.held) != 0 || s.All() != (Window{}) {
		t.Errorf("%v is left", s)
	}
}
