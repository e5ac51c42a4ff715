package native

import "testing"

func TestBodiesOfOneFunctionLeaveRoomForOthers(t *testing.T) {
	b := bodies{most: 100}
	flood := 0
	for b.add("flood", 10) {
		flood++
	}
	if flood != 5 {
		t.Errorf("one function alone holds %d bodies of 10 bytes of 100, want half", flood)
	}
	if !b.add("quiet", 20) {
		t.Error("another finds no room")
	}
	if b.add("large", 60) {
		t.Error("more is held than may be")
	}
	for range flood {
		b.remove("flood", 10)
	}
	b.remove("quiet", 20)
	if !b.add("huge", 500) || b.add("quiet", 1) {
		t.Error("one that is larger than all has room alone")
	}
}
