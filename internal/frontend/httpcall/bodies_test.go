package httpcall

import "testing"

func TestBodiesOfOneFunctionLeaveRoomForOthers(t *testing.T) {
	b := bodies{most: 100}
	flood := 0
	for b.reserve("flood", 0, 10) {
		flood++
	}
	if flood != 5 {
		t.Errorf("one function alone holds %d bodies of 10 bytes of 100, want half", flood)
	}
	if !b.reserve("quiet", 0, 20) {
		t.Error("another finds no room")
	}
	if !b.reserve("large", 0, 60) || b.reserve("last", 0, 1) {
		t.Error("room for one more, however large, is while any byte is left, and not longer")
	}
	b.release("large", 60)
	for range flood {
		b.release("flood", 10)
	}
	b.release("quiet", 20)
	for range 2 {
		if !b.reserve("large", 0, 25) { // the most that --max-body may be
			t.Error("a function has no room for two that are a quarter of all")
		}
	}
	for range 2 {
		b.release("large", 25)
	}
	if !b.reserve("huge", 0, 500) || b.reserve("quiet", 0, 1) {
		t.Error("one that is larger than all has room alone")
	}
}

func TestABodyGrowsWithinItsFunctionsShare(t *testing.T) {
	b := bodies{most: 100}
	for _, step := range []struct {
		held, want int64
		ok         bool
	}{{0, 10, true}, {10, 20, true}, {0, 20, true}, {20, 40, false}, {20, 30, true}, {0, 1, false}} {
		if got := b.reserve("echo", step.held, step.want); got != step.ok {
			t.Errorf("from %d to %d: %t, want %t", step.held, step.want, got, step.ok)
		}
	}
	b.release("echo", 30)
	b.release("echo", 20)
	if all := b.shares.All(); all.Count != 0 || all.Bytes != 0 {
		t.Errorf("%+v is reserved for nobody", all)
	}
}
