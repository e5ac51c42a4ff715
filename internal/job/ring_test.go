package job

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func anyone(string) bool { return true }

func ringOf(names ...string) *Ring[string] {
	var r Ring[string]
	for _, n := range names {
		r.Add(n, n)
	}
	return &r
}

func turns(r *Ring[string], n int) []string {
	var got []string
	for range n {
		m, _ := r.Next(anyone)
		got = append(got, m)
	}
	return got
}

func TestRingStandsInOrderOfNames(t *testing.T) {
	r := ringOf("queueAA", "queueB", "queueAB", "queueZ", "queueA")
	want := []string{"queueA", "queueB", "queueZ", "queueAA", "queueAB"}
	if got := r.All(); !slices.Equal(got, want) || r.Len() != len(want) {
		t.Errorf("%d members %v, want %v", r.Len(), got, want)
	}
	if got := turns(r, 6); !slices.Equal(got, append(want, "queueA")) {
		t.Errorf("turns %v", got)
	}
}

func TestRingOfNobody(t *testing.T) {
	var r Ring[string]
	r.Remove("a")
	if m, ok := r.Next(anyone); ok {
		t.Errorf("%q has the turn", m)
	}
	if m, ok := r.Least(func(string) int { return 0 }); ok {
		t.Errorf("%q has the least", m)
	}
	r.Add("a", "a")
	r.Next(anyone)
	r.Remove("a")
	r.Remove("a")
	if _, ok := r.Next(anyone); ok || r.Len() != 0 {
		t.Error("whoever has left still has a turn")
	}
}

func TestTurnsGoOnWhoeverJoinsOrLeaves(t *testing.T) {
	for _, c := range []struct {
		name   string
		before int // turns
		change func(r *Ring[string])
		want   []string
	}{
		{"nothing changes", 2, func(*Ring[string]) {}, []string{"c", "d", "a", "b"}},
		{"joins behind the turn", 2, func(r *Ring[string]) { r.Add("aa", "aa") }, []string{"c", "d", "aa", "a", "b"}},
		{"joins before the turn", 3, func(r *Ring[string]) { r.Add("B", "B") }, []string{"d", "B", "a", "b", "c"}},
		{"had the last turn and leaves", 2, func(r *Ring[string]) { r.Remove("b") }, []string{"c", "d", "a", "c"}},
		{"has the next turn and leaves", 2, func(r *Ring[string]) { r.Remove("c") }, []string{"d", "a", "b", "d"}},
		{"had its turn earlier and leaves", 2, func(r *Ring[string]) { r.Remove("a") }, []string{"c", "d", "b", "c"}},
		{"leaves and comes back", 2, func(r *Ring[string]) { r.Remove("b"); r.Add("b", "b") }, []string{"c", "d", "a", "b"}},
		{"all but one leave", 1, func(r *Ring[string]) { r.Remove("a"); r.Remove("b"); r.Remove("d") }, []string{"c", "c"}},
		{"last seat had the turn", 4, func(*Ring[string]) {}, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ringOf("a", "b", "c", "d")
			turns(r, c.before)
			c.change(r)
			if got := turns(r, len(c.want)); !slices.Equal(got, c.want) {
				t.Errorf("turns %v, want %v", got, c.want)
			}
		})
	}
}

func TestTurnsAreSpreadEvenly(t *testing.T) {
	var r Ring[string]
	for i := range 7 {
		r.Add(fmt.Sprint("queue", i), fmt.Sprint("queue", i))
	}
	count := make(map[string]int)
	for _, m := range turns(&r, 700) {
		count[m]++
	}
	for m, n := range count {
		if n != 100 {
			t.Errorf("%s had %d of 700 turns", m, n)
		}
	}
}

func TestMembersOfOneNameShareTheTurns(t *testing.T) {
	// A queue that was stopped and the one started in its place.
	type queue struct{ name string }
	for _, names := range [][]string{{"a", "a"}, {"a", "a", "a", "b"}, {"0", "a", "a"}} {
		var r Ring[*queue]
		count := make(map[*queue]int)
		for _, name := range names {
			q := &queue{name}
			r.Add(name, q)
			count[q] = 0
		}
		for range 10 * len(names) {
			q, _ := r.Next(func(*queue) bool { return true })
			count[q]++
		}
		for range 10 * len(names) {
			q, _ := r.Least(func(*queue) int { return 0 })
			count[q]++
		}
		for q, n := range count {
			if n != 20 {
				t.Errorf("%v: one called %s had %d of %d turns", names, q.name, n, 20*len(names))
			}
		}
	}
}

func TestWhoeverDoesNotAcceptIsPassedOver(t *testing.T) {
	r := ringOf("a", "b", "c")
	but := func(name string) func(string) bool { return func(m string) bool { return m != name } }
	for i, want := range []string{"b", "c", "b", "c"} {
		if m, ok := r.Next(but("a")); !ok || m != want {
			t.Errorf("turn %d: %q, want %q", i, m, want)
		}
	}
	if m, ok := r.Next(func(string) bool { return false }); ok {
		t.Errorf("%q has the turn though nobody accepts", m)
	}
	if m, _ := r.Next(anyone); m != "a" {
		t.Errorf("a round in which nobody accepted moved the turn to %q, want a", m)
	}
	asked := 0
	r.Next(func(string) bool { asked++; return false })
	if asked != 3 {
		t.Errorf("%d of 3 were asked", asked)
	}
}

func TestLeastTakesTurnsAmongEquals(t *testing.T) {
	r := ringOf("a", "b", "c")
	load := map[string]int{"a": 2, "b": 1, "c": 1}
	var got []string
	for range 6 {
		m, _ := r.Least(func(m string) int { return load[m] })
		load[m]++
		got = append(got, m)
	}
	// b and c catch up in turn, then it goes on round.
	if want := []string{"b", "c", "a", "b", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("workers went to %v, want %v", got, want)
	}
	if m, _ := r.Least(func(m string) int { return map[string]int{"a": 0, "b": -1, "c": 0}[m] }); m != "b" {
		t.Errorf("least is %q, want b", m)
	}
}

func TestRingStaysFairWhateverHappens(t *testing.T) {
	// Whoever stays has between its turns no more than one of everybody else.
	r := rand.New(rand.NewPCG(1, 0))
	for range 200 {
		ring := ringOf("m")
		waited := 0
		present := make(map[string]bool)
		for range 300 {
			name := string(rune('a' + r.IntN(26)))
			switch {
			case name == "m":
			case present[name] && r.IntN(4) == 0:
				ring.Remove(name)
				delete(present, name)
			case !present[name] && r.IntN(4) == 0:
				ring.Add(name, name)
				present[name] = true
			}
			if m, _ := ring.Next(anyone); m == "m" {
				waited = 0
			} else if waited++; waited > 25 {
				t.Fatalf("m waited for %d turns of others", waited)
			}
		}
	}
}
