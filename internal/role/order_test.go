package role

import (
	"slices"
	"testing"
)

func TestMapsAreVisitedInOrderAndWithoutWhatIsDeletedMeanwhile(t *testing.T) {
	m := map[int]string{5: "e", 1: "a", 3: "c", 4: "d", 2: "b"}
	var seen []string
	for k, v := range InOrder(m) {
		seen = append(seen, v)
		delete(m, 4)
		delete(m, k)
	}
	if !slices.Equal(seen, []string{"a", "b", "c", "e"}) || len(m) != 0 {
		t.Errorf("visited %v, left %v", seen, m)
	}
	seen = nil
	for _, v := range InOrderFunc(map[int]string{1: "a", 2: "b", 3: "c"}, func(a, b int) int { return b - a }) {
		if seen = append(seen, v); v == "b" {
			break
		}
	}
	if !slices.Equal(seen, []string{"c", "b"}) {
		t.Errorf("visited %v", seen)
	}
}
