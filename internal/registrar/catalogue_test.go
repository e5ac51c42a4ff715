package registrar

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// at is a time of the tests.
func at(minute int) time.Time { return time.Date(2024, 1, 1, 0, minute, 0, 0, time.UTC) }

// many is a store's catalogue of one function with so many versions that have
// served, one a minute; the last is current.
func many(versions int) *registry.Catalogue {
	f := registry.Function{Name: "f", Current: uint32(versions)}
	for n := 1; n <= versions; n++ {
		v := registry.Version{Number: uint32(n), State: registry.StateReady, Manifest: digest, Kind: registry.KindExec, Timeout: 1000}
		if n < versions {
			v.Retired = at(n)
		}
		f.Versions = append(f.Versions, v)
	}
	return &registry.Catalogue{Store: "s", Revision: 900, Functions: []registry.Function{f}}
}

func TestAFunctionThatIsDeployedOftenIsPublishedWithItsVersionsThatWereWantedLast(t *testing.T) {
	store := many(200)
	versions := store.Functions[0].Versions
	versions[2].Retired = at(500)              // current again lately, by a rollback
	versions[150].State = registry.StateTrying // beside newer ones that failed
	for n := 190; n < 199; n++ {
		versions[n].State, versions[n].Retired = registry.StateFailed, time.Time{}
	}
	c := catalogue(store)
	if err := c.Check(); err != nil {
		t.Fatalf("nobody takes it: %v", err)
	}
	var numbers []uint32
	for _, v := range c.Functions[0].Versions {
		numbers = append(numbers, v.Number)
	}
	if want := []uint32{3, 151, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 200}; !slices.Equal(numbers, want) {
		t.Errorf("published are %v, want %v", numbers, want)
	}
	if len(store.Functions[0].Versions) != 200 {
		t.Error("the store's own list was changed")
	}
}

func TestOfRemovedFunctionsThoseThatWereRemovedLastArePublished(t *testing.T) {
	store := &registry.Catalogue{Store: "s", Revision: 9000}
	one := many(1).Functions[0].Versions
	for n := range wire.MaxDeployed + 500 {
		f := registry.Function{Name: fmt.Sprintf("f%04d", n), Current: 1, Versions: one}
		if n >= 1000 {
			f.Removed = at(n)
		}
		store.Functions = append(store.Functions, f)
	}
	c := catalogue(store)
	if err := c.Check(); err != nil {
		t.Fatalf("nobody takes it: %v", err)
	}
	for name, want := range map[string]bool{"f0000": true, "f0999": true, "f1000": false, "f1499": false, "f1500": true, "f2499": true} {
		if got := slices.ContainsFunc(c.Functions, func(d wire.Deployed) bool { return d.Name == name }); got != want {
			t.Errorf("%s is published: %v, want %v", name, got, want)
		}
	}
}
