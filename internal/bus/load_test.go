package bus

import "testing"

// TestAHostIsSaturatedWhileItsTurnsAreFull: a host says so once it finds
// much in each turn, keeps saying so while it finds hardly less, and that neither
// single packets nor a single burst are enough.
func TestAHostIsSaturatedWhileItsTurnsAreFull(t *testing.T) {
	var l load
	// window lets as many turns end within one window, and reports what changed.
	window := func(turns int, packets ...int) (changed bool) {
		for i := range turns {
			if l.turned(l.begun+loadWindow/2, packets[i%len(packets)]) {
				t.Error("it changed in the middle of a window")
			}
		}
		return l.turned(l.begun+loadWindow, 0)
	}
	for _, step := range []struct {
		what               string
		turns              int
		packets            []int
		changed, saturated bool
	}{
		{"single packets", 1000, []int{1}, false, false},
		{"few full turns, as a burst makes them", loadTurns - 4, []int{60}, false, false},
		{"some packets in each", 200, []int{saturatedFrom - 1}, false, false},
		{"many", 100, []int{3, 2*saturatedFrom - 2}, true, true},
		{"many again", 100, []int{saturatedFrom}, false, true},
		{"few turns for being so full", 4, []int{200}, false, true},
		{"somewhat fewer", 100, []int{saturatedUntil}, false, true},
		{"fewer", 100, []int{saturatedUntil - 1}, true, false},
		{"somewhat more", 100, []int{saturatedUntil}, false, false},
		{"many once more", 100, []int{saturatedFrom}, true, true},
		{"hardly any turns", 2, []int{60}, true, false},
	} {
		if changed := window(step.turns, step.packets...); changed != step.changed || l.saturated != step.saturated {
			t.Errorf("%s: saturated %v (changed: %v), want %v (%v)", step.what, l.saturated, changed, step.saturated, step.changed)
		}
	}
}
