package registrar

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// stored is a store's version.
func stored(number uint32, state registry.State, retired time.Duration) registry.Version {
	v := registry.Version{Number: number, State: state, Manifest: digest, Kind: registry.KindExec, Timeout: 1000}
	if retired > 0 {
		v.Retired = time.Unix(0, 0).Add(retired)
	}
	return v
}

// published is a store's catalogue as it is published, which everybody must take.
func published(t *testing.T, functions ...registry.Function) wire.Catalogue {
	t.Helper()
	c := catalogue(&registry.Catalogue{Store: "s", Revision: 1, Functions: functions})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestManyVersionsInAnHourDoNotMakeTheCatalogueUnusable(t *testing.T) {
	f := registry.Function{Name: "f", Current: 2}
	f.Versions = append(f.Versions, stored(1, registry.StateReady, time.Second), stored(2, registry.StateReady, 0))
	for n := uint32(3); n <= 20; n++ { // all were current after the first, and before the second was again
		f.Versions = append(f.Versions, stored(n, registry.StateReady, time.Duration(n)*time.Minute))
	}
	f.Versions = append(f.Versions, stored(21, registry.StateFailed, 0), stored(22, registry.StateTrying, 0))
	var numbers []uint32
	for _, v := range published(t, f).Functions[0].Versions {
		numbers = append(numbers, v.Number)
	}
	if want := []uint32{2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22}; !slices.Equal(numbers, want) {
		t.Errorf("versions %v are published, want %v", numbers, want)
	}
}

func TestManyRemovedFunctionsDoNotMakeTheCatalogueUnusable(t *testing.T) {
	var all []registry.Function
	for n := range wire.MaxDeployed + 5 {
		f := registry.Function{Name: fmt.Sprintf("f%04d", n), Current: 1, Versions: []registry.Version{stored(1, registry.StateReady, 0)}}
		if n%2 == 1 {
			f.Removed = time.Unix(0, 0).Add(-time.Duration(n))
		}
		all = append(all, f)
	}
	c := published(t, all...)
	if len(c.Functions) != wire.MaxDeployed {
		t.Errorf("%d functions are published", len(c.Functions))
	}
	for n := range all {
		name := all[n].Name
		gone := n%2 == 1 && n >= wire.MaxDeployed-5
		if got := slices.ContainsFunc(c.Functions, func(d wire.Deployed) bool { return d.Name == name }); got == gone {
			t.Errorf("%s is published: %v", name, got)
		}
	}
}
