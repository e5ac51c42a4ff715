package job

import (
	"slices"
	"testing"
)

func TestLinesAreServedInTurnAndEachInOrder(t *testing.T) {
	var l Lines[string]
	places := make(map[string]*Place[string])
	for _, v := range []string{"a1", "a2", "a3", "b1", "c1", "c2"} {
		places[v] = l.Push(v[:1], v)
	}
	places["b0"] = l.PushFront("b", "b0")
	l.Remove(places["a2"])
	var got []string
	serve := func(refuse string, most int) []string {
		got = nil
		l.Serve(func(v string) bool {
			if v[:1] == refuse || len(got) == most {
				return false
			}
			l.Remove(places[v])
			got = append(got, v)
			return true
		})
		return got
	}
	if !l.Waits("a") || l.Len() != 6 {
		t.Errorf("%d wait", l.Len())
	}
	if got := serve("a", 3); !slices.Equal(got, []string{"b0", "c1", "b1"}) {
		t.Errorf("past a line that is refused go %v", got)
	}
	if got := serve("", 9); !slices.Equal(got, []string{"a1", "c2", "a3"}) && !slices.Equal(got, []string{"c2", "a1", "a3"}) {
		t.Errorf("then go %v", got)
	}
	if l.Len() != 0 || l.Waits("a") || len(l.byName) != 0 || l.turns.Len() != 0 {
		t.Errorf("%d wait, %d lines are kept", l.Len(), len(l.byName))
	}
}

// The turn goes on where it was: a little room at a time is shared too.
func TestTheTurnOutlivesACall(t *testing.T) {
	var l Lines[string]
	places := make(map[string]*Place[string])
	for _, v := range []string{"a1", "a2", "a3", "b1", "b2", "b3"} {
		places[v] = l.Push(v[:1], v)
	}
	var got []string
	for range 6 {
		room := 1
		l.Serve(func(v string) bool {
			if room == 0 {
				return false
			}
			room--
			l.Remove(places[v])
			got = append(got, v)
			return true
		})
	}
	for i := 0; i+1 < len(got); i += 2 {
		if got[i][0] == got[i+1][0] {
			t.Errorf("one at a time go %v, want both functions in turn", got)
		}
	}
}
