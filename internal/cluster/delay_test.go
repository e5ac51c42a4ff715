package cluster

import (
	"testing"
	"time"
)

func TestWhatLaySomewhereIsLateAndWhatComesEvenlyIsNot(t *testing.T) {
	const second = time.Second
	var d Delay
	for at := second; at <= 5*second; at += second {
		if late := d.Of(at, at.Milliseconds()); late > 2*time.Millisecond {
			t.Fatalf("at %v a state is %v late", at, late)
		}
	}
	// Five states that were published a second apart come at once.
	for i, clock := range []int64{6000, 7000, 8000, 9000, 10_000} {
		want := time.Duration(4-i) * second
		if late := d.Of(10*second, clock); late < want-10*time.Millisecond || late > want {
			t.Errorf("state %d is %v late, want %v", i, late, want)
		}
	}
	// The member's host stands still for 10 s, and its clock with it.
	for at := 21 * second; at <= 40*second; at += second {
		late := d.Of(at, (at - 10*second).Milliseconds())
		if at > 25*second && late > 10*time.Millisecond {
			t.Fatalf("%v after its host goes on, a member's states are %v late", at-20*second, late)
		}
	}
}
