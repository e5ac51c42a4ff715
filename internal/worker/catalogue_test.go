package worker

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// catalogue has the queue tell what is deployed.
func (s *stage) catalogue(revision uint64, sources ...string) {
	b, err := json.Marshal(wire.Catalogue{Store: 5, Revision: revision, Sources: sources})
	if err != nil {
		s.t.Fatal(err)
	}
	m := &wire.Message{Header: wire.Header{Type: wire.TypeCatalogue}}
	m.SetBody(b)
	s.queue.Link().Send(s.now, m)
	s.pump()
}

// served returns the revisions of the SERVES that the queue has heard.
func (s *stage) served() (revisions []uint64) {
	for _, m := range s.got {
		if m.Type == wire.TypeServes {
			var v wire.Serves
			if err := json.Unmarshal(m.Body, &v); err != nil {
				s.t.Fatal(err)
			}
			revisions = append(revisions, v.Revision)
		}
	}
	s.got = nil
	return revisions
}

func TestWhatIsDeployedIsPassedOnAndAnswered(t *testing.T) {
	s := atQueue(t, 1)
	if s.m.Catalogue() != nil {
		t.Error("there is a catalogue that nobody has told")
	}
	s.catalogue(1)
	s.catalogue(2)
	if c := s.m.Catalogue(); c == nil || c.Revision != 2 || s.m.Catalogue() != nil {
		t.Errorf("the catalogue is %+v, want the latest, once", c)
	}
	s.m.Serves(s.now, wire.Serves{Applied: wire.Applied{Store: 5, Revision: 2}, Functions: []string{"f"}})
	s.pump()
	if got := s.served(); !slices.Equal(got, []uint64{2}) {
		t.Errorf("the queue hears %v", got)
	}
}

func TestTheNextQueueIsToldWhatAWorkerServes(t *testing.T) {
	s := atQueue(t, 1)
	s.m.Serves(s.now, wire.Serves{Applied: wire.Applied{Store: 5, Revision: 2}, Functions: []string{"f"}})
	s.pump()
	s.served()
	s.cut = true
	s.run(5 * time.Second)
	s.cut, s.queue, s.inc = false, nil, 11 // another queue
	s.run(2 * time.Second)
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueB", Endpoint: "q2"})
	s.run(2 * time.Second)
	if got := s.served(); !slices.Equal(got, []uint64{2}) {
		t.Errorf("the next queue hears %v (it is at %q)", got, s.m.Joined())
	}
}

// answer has a registrar answer a question.
func (s *stage) answer(from string, f wire.Fetch) {
	s.m.Receive(s.now, role.Packet{Link: LinkPackages, Peer: from, Frames: f.Frames()})
	s.pump()
}

func TestAPartOfAPackageIsAskedForUntilSomebodyHasIt(t *testing.T) {
	s := atQueue(t, 1)
	s.catalogue(1, "r1", "r2")
	var got []Chunk
	s.m.Fetch(s.now, digest, 0, func(c Chunk) { got = append(got, c) })
	s.pump()
	s.run(2100 * time.Millisecond) // r1 does not answer
	if !slices.Equal(s.fetches, []string{"r1 1", "r2 1"}) {
		t.Fatalf("asked are %q", s.fetches)
	}
	s.answer("r2", wire.Fetch{Command: wire.FetchChunk, Number: 1, Size: 9, Bytes: []byte("part")})
	s.answer("r1", wire.Fetch{Command: wire.FetchChunk, Number: 1, Size: 9, Bytes: []byte("part")}) // late
	if len(got) != 1 || got[0].Err != nil || got[0].Size != 9 || string(got[0].Bytes) != "part" {
		t.Errorf("what came is %+v", got)
	}
}

func TestWhoHasAnsweredIsAskedFirst(t *testing.T) {
	s := atQueue(t, 1)
	s.catalogue(1, "r1", "r2", "r3")
	var got []Chunk
	ask := func() {
		s.m.Fetch(s.now, digest, 0, func(c Chunk) { got = append(got, c) })
		s.pump()
	}
	ask()
	s.run(2100 * time.Millisecond) // r1 does not answer
	s.answer("r2", wire.Fetch{Command: wire.FetchChunk, Number: 1, Size: 9, Bytes: []byte("part")})
	ask()
	s.answer("r1", wire.Fetch{Command: wire.FetchNone, Number: 2, Reason: "late"}) // of somebody who is not asked now
	s.answer("r2", wire.Fetch{Command: wire.FetchNone, Number: 2, Reason: "gone"})
	s.answer("r3", wire.Fetch{Command: wire.FetchChunk, Number: 2, Size: 9, Bytes: []byte("part")})
	s.catalogue(2, "r1") // r3 is not there any more
	ask()
	if want := []string{"r1 1", "r2 1", "r2 2", "r3 2", "r1 3"}; !slices.Equal(s.fetches, want) {
		t.Errorf("asked are %q, want %q", s.fetches, want)
	}
	if len(got) != 2 || got[0].Err != nil || got[1].Err != nil {
		t.Errorf("what came is %+v", got)
	}
}

func TestAPartThatNobodyHasIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		sources []string
		answer  func(s *stage)
		wait    time.Duration
	}{
		"no registrar":   {nil, func(*stage) {}, 0},
		"nobody answers": {[]string{"r1"}, func(*stage) {}, chunkTries*chunkWithin + time.Second},
		"nobody has it":  {[]string{"r1"}, func(s *stage) { s.answer("r1", wire.Fetch{Command: wire.FetchNone, Number: 1, Reason: "gone"}) }, 0},
		"neither of them ": {[]string{"r1", "r2"}, func(s *stage) {
			s.answer("r1", wire.Fetch{Command: wire.FetchNone, Number: 1, Reason: "gone"})
			s.answer("r2", wire.Fetch{Command: wire.FetchNone, Number: 1, Reason: "gone"})
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := atQueue(t, 1)
			s.catalogue(1, c.sources...)
			var got []Chunk
			s.m.Fetch(s.now, digest, 0, func(c Chunk) { got = append(got, c) })
			s.pump()
			c.answer(s)
			if c.wait > 0 {
				s.run(c.wait)
			}
			if len(got) != 1 || got[0].Err == nil || len(c.sources) == 0 && !errors.Is(got[0].Err, ErrNoSource) {
				t.Errorf("what came is %+v", got)
			}
		})
	}
}
