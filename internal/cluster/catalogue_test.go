package cluster

import (
	"fmt"
	"testing"
	"time"

	"faasd/internal/wire"
)

// registrar is one's state as it is published, and its topic for catalogues.
func registrar(inc wire.Incarnation, sequence uint64) (wire.State, string) {
	s := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: fmt.Sprint("r", inc), Incarnation: inc}, Sequence: sequence}
	return s, wire.CatalogueTopic(&s.Member)
}

// publish has a registrar publish a revision of a store.
func (v *View) publish(t *testing.T, now time.Duration, inc, store wire.Incarnation, revision uint64) {
	t.Helper()
	s, topic := registrar(inc, uint64(now)+1)
	v.State(now, s, 0)
	if err := v.Published(topic, &wire.Catalogue{Store: store, Revision: revision}); err != nil {
		t.Fatal(err)
	}
}

// goesBy checks which revision of which store counts.
func (v *View) goesBy(t *testing.T, now time.Duration, store wire.Incarnation, revision uint64) {
	t.Helper()
	if c := v.Catalogue(now); c == nil || c.Store != store || c.Revision != revision {
		t.Errorf("%+v counts, want revision %d of store %d", c, revision, store)
	}
}

func TestACatalogueThatComesLateIsNotGoneBackTo(t *testing.T) {
	var v View
	v.publish(t, 0, 1, 5, 8)
	v.publish(t, 1, 1, 5, 7) // by a slower coordinator
	v.goesBy(t, 2, 5, 8)
	v.publish(t, 3, 1, 6, 2) // another store, in the place of the first
	v.goesBy(t, 4, 6, 2)
}

func TestTheSameCatalogueOfManyRegistrarsIsOne(t *testing.T) {
	var v View
	v.publish(t, 0, 1, 5, 7)
	first := v.Catalogue(0)
	for n := range 50 {
		now := time.Duration(n)
		for inc := range wire.Incarnation(4) {
			v.publish(t, now, inc+1, 5, 7)
		}
		if v.Catalogue(now) != first {
			t.Fatal("it is taken for another, though nothing has changed")
		}
	}
}

func TestAnotherStoreCountsOnceTheFirstIsSilent(t *testing.T) {
	var v View
	v.publish(t, 0, 1, 5, 7)
	v.publish(t, 2*time.Second, 2, 6, 2)
	v.goesBy(t, 2*time.Second, 5, 7)
	v.goesBy(t, StaleAfter, 6, 2)
	v.goesBy(t, time.Minute, 6, 2) // nobody is heard: what was known last
}

func TestWhoComesWhileNoRegistrarIsThereGoesByWhatTheCoordinatorKnows(t *testing.T) {
	s, topic := registrar(1, 1)
	old, _ := registrar(2, 1)
	snapshot := &wire.Snapshot{
		States: []wire.Aged[wire.State]{{AgeMillis: 10_000, Value: s}, {AgeMillis: 20_000, Value: old}},
		Catalogues: []wire.Published{
			{Topic: topic, Value: wire.Catalogue{Store: 5, Revision: 8}},
			{Topic: wire.CatalogueTopic(&old.Member), Value: wire.Catalogue{Store: 5, Revision: 7}},
		},
	}
	var v View
	if c := v.Catalogue(0); c != nil {
		t.Fatalf("%+v counts before anything came", c)
	}
	v.Snapshot(0, snapshot)
	v.goesBy(t, 0, 5, 8)
	v.publish(t, time.Second, 3, 6, 1) // the first that is heard
	v.goesBy(t, time.Second, 6, 1)
}

func TestPackagesHaveASourceAtEachRegistrarThatIsHeardAndNoMoreThanACatalogueHas(t *testing.T) {
	var v View
	for inc := range wire.Incarnation(2 * wire.MaxSources) {
		s, topic := registrar(inc+1, 1)
		s.Endpoints = map[string]string{"packages": fmt.Sprint("tcp://r", inc+1)}
		v.State(0, s, 0)
		if err := v.Published(topic, &wire.Catalogue{Store: 5, Revision: 7}); err != nil {
			t.Fatal(err)
		}
	}
	c := wire.Catalogue{Store: 5, Revision: 7, Sources: v.Sources(0)}
	if err := c.Check(); err != nil || len(c.Sources) != wire.MaxSources {
		t.Errorf("%d sources, %v", len(c.Sources), err)
	}
	if late := v.Sources(StaleAfter); len(late) != 0 {
		t.Errorf("%q are sources, of whom nothing is heard", late)
	}
}
