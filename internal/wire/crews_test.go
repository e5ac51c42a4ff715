package wire

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestFunctionsOfManyWorkersAreFoldedAndSpread(t *testing.T) {
	many := make([]string, MaxFunctions+1)
	for i := range many {
		many[i] = fmt.Sprint("f", i)
	}
	few := many[:MaxFunctions]
	huge := slices.Repeat([]string{"f"}, MaxCrewNames)
	d := Detail{}
	for _, functions := range [][]string{many, few, many, slices.Clone(many), huge} {
		d.Workers = append(d.Workers, WorkerDetail{Name: "w", Functions: functions})
	}
	d.Fold()
	if err := d.Check(); err != nil || len(d.Crews) != 2 {
		t.Fatalf("%d lists, %v", len(d.Crews), err)
	}
	d.Spread()
	for i, want := range []int{len(many), len(few), len(many), len(many), 0} {
		if w := d.Workers[i]; len(w.Functions) != want || w.Functions == nil || w.Crew != 0 {
			t.Errorf("worker %d has %d functions and crew %d, want %d", i, len(w.Functions), w.Crew, want)
		}
	}
	for name, bad := range map[string]Detail{
		"a crew that is not there": {Workers: []WorkerDetail{{Name: "w", Crew: 1}}},
		"a negative crew":          {Workers: []WorkerDetail{{Name: "w", Crew: -1}}},
		"a bad name":               {Crews: [][]string{{"a b"}}},
		"too many names":           {Crews: [][]string{huge, few}},
	} {
		if err := bad.Check(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
