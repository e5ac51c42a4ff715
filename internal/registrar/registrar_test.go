package registrar

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/registrar/admin"
	"faasd/internal/role"
	"faasd/internal/wire"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A stage is a registrar in virtual time, with a coordinator that says what the
// test says.
type stage struct {
	t   *testing.T
	m   *Machine
	now role.Time
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, now: time.Second, m: New(Config{
		Self:         wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 10},
		Coordinators: []string{"c"}, Log: slog.New(slog.DiscardHandler),
	})}
	s.m.Tick(s.now)
	s.hear(wire.SnapshotTopic(10), wire.Snapshot{Coordinator: wire.Member{Endpoints: map[string]string{"publish": "p"}}})
	s.m.Publish(s.now, wire.Catalogue{Store: 5, Revision: 7, Functions: []wire.Deployed{}})
	s.m.Effects()
	return s
}

func (s *stage) hear(topic string, v any) {
	s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(topic, v)})
}

// queue has a queue publish how far its workers are; nil: it knows no catalogue.
func (s *stage) queue(name string, inc wire.Incarnation, sequence uint64, f *wire.Following) {
	st := wire.State{Member: wire.Member{Role: wire.RoleQueue, Name: name, Incarnation: inc}, Sequence: sequence, Queue: &wire.QueueState{Following: f}}
	s.hear(st.Topic(), st)
}

// frontend has a frontend publish which revision it goes by; 0: none.
func (s *stage) frontend(sequence, revision uint64) {
	st := wire.State{Member: wire.Member{Role: wire.RoleFrontend, Name: "f", Incarnation: 30}, Sequence: sequence, Frontend: &wire.FrontendState{}}
	if revision > 0 {
		st.Frontend.Applied = &wire.Applied{Store: 5, Revision: revision}
	}
	s.hear(st.Topic(), st)
}

// sent returns what was sent on a link since the last call.
func (s *stage) sent(link role.Link) (frames [][][]byte) {
	for _, e := range s.m.Effects() {
		if e.Op == role.OpSend && e.Link == link {
			frames = append(frames, e.Frames)
		}
	}
	return frames
}

func TestWhoIsBehindIsNamed(t *testing.T) {
	at := func(store wire.Incarnation, revision, oldest uint64, behind int, names ...string) *wire.Following {
		return &wire.Following{Applied: wire.Applied{Store: store, Revision: revision}, Oldest: oldest, Behind: behind, Names: names}
	}
	for name, c := range map[string]struct {
		first, second *wire.Following
		frontend      uint64
		behind        string
	}{
		"nobody":                   {at(5, 7, 7, 0), at(5, 8, 7, 1, "w9"), 7, ""},
		"a queue without any":      {at(5, 7, 7, 0), nil, 7, "queue queueB"},
		"a queue of another store": {at(6, 9, 9, 0), at(5, 7, 7, 0), 7, "queue queueA, which goes by another store"},
		"a queue":                  {at(5, 6, 6, 0), at(5, 7, 7, 0), 7, "queue queueA"},
		"a worker":                 {at(5, 7, 6, 1, "w1"), at(5, 7, 7, 0), 7, "worker w1 at queueA"},
		"many workers":             {at(5, 7, 0, 3, "w1"), at(5, 7, 7, 0), 7, "2 workers more at queueA|worker w1 at queueA"},
		"a frontend":               {at(5, 7, 7, 0), at(5, 7, 7, 0), 6, "frontend f"},
		"a frontend without any":   {at(5, 7, 7, 0), at(5, 7, 7, 0), 0, "frontend f"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.queue("queueA", 20, 1, c.first)
			s.queue("queueB", 21, 1, c.second)
			s.frontend(1, c.frontend)
			if got := strings.Join(s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Behind, "|"); got != c.behind {
				t.Errorf("behind are %q, want %q", got, c.behind)
			}
			if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: false}).Behind; slices.ContainsFunc(got, func(b string) bool { return strings.HasPrefix(b, "frontend") }) {
				t.Errorf("behind are %q, though frontends do not matter", got)
			}
			s.now += 4 * time.Second // all have gone
			if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Behind; len(got) != 0 {
				t.Errorf("behind are %q, of whom nothing is heard", got)
			}
		})
	}
}

func TestWhatDoesNotComeUpIsToldOfAllQueues(t *testing.T) {
	s := newStage(t)
	for i, name := range []string{"queueA", "queueB"} {
		s.queue(name, wire.Incarnation(20+i), 1, &wire.Following{
			Applied: wire.Applied{Store: 5, Revision: 7}, Oldest: 7, Broken: []wire.Broken{{Function: "f", Version: 2, Worker: fmt.Sprint("w", i), Reason: "no"}},
		})
	}
	if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Broken; len(got) != 2 || got[0].Worker == got[1].Worker {
		t.Errorf("broken are %+v", got)
	}
}

func TestThoseWhoAreBehindAreCountedBeyondTwenty(t *testing.T) {
	s := newStage(t)
	for i := range 30 {
		s.queue(fmt.Sprintf("q%02d", i), wire.Incarnation(100+i), 1, nil)
	}
	got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Behind
	if len(got) != maxBehind+1 || got[maxBehind] != "10 more" {
		t.Errorf("behind are %q", got)
	}
}

func TestTheCatalogueIsPublishedOnChangeAndAgain(t *testing.T) {
	s := newStage(t)
	s.m.Publish(s.now, wire.Catalogue{Store: 5, Revision: 8, Functions: []wire.Deployed{}})
	published := func() (revisions []uint64) {
		for _, f := range s.sent(LinkPublish) {
			if strings.HasPrefix(string(f[0]), wire.TopicCatalogue) {
				var c wire.Catalogue
				if err := json.Unmarshal(f[1], &c); err != nil {
					t.Fatal(err)
				}
				revisions = append(revisions, c.Revision)
			}
		}
		return revisions
	}
	if got := published(); !slices.Equal(got, []uint64{8}) {
		t.Errorf("published are %v", got)
	}
	for end := s.now + 6*time.Second; s.now < end; s.now += 20 * time.Millisecond {
		s.m.Tick(s.now)
	}
	if got := published(); !slices.Equal(got, []uint64{8}) {
		t.Errorf("within 6 s more are published %v, want once more", got)
	}
}

func TestWorkersGetPartsOfPackages(t *testing.T) {
	s := newStage(t)
	get := wire.Fetch{Command: wire.FetchGet, Number: 4, Digest: digest, Offset: 100}
	s.m.Receive(s.now, role.Packet{Link: LinkPackages, Peer: "w", Frames: get.Frames()})
	reads := s.m.Reads()
	if len(reads) != 1 || reads[0].Digest != digest || reads[0].Offset != 100 {
		t.Fatalf("to be read are %+v", reads)
	}
	s.m.Answer(reads[0], []byte("bytes"), 105, nil)
	s.m.Answer(reads[0], nil, 0, errors.New("it is not there"))
	answers := s.sent(LinkPackages)
	if len(answers) != 2 {
		t.Fatalf("%d answers", len(answers))
	}
	chunk, err := wire.DecodeFetch(answers[0])
	if err != nil || chunk.Number != 4 || chunk.Size != 105 || string(chunk.Bytes) != "bytes" {
		t.Errorf("the answer is %+v, %v", chunk, err)
	}
	if none, err := wire.DecodeFetch(answers[1]); err != nil || none.Command != wire.FetchNone || none.Reason != "it is not there" {
		t.Errorf("the answer is %+v, %v", none, err)
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	s := newStage(t)
	get := wire.Fetch{Command: wire.FetchGet, Number: 4, Digest: digest}
	for range 2 * maxReads {
		s.m.Receive(s.now, role.Packet{Link: LinkPackages, Peer: "w", Frames: get.Frames()})
	}
	reads := s.m.Reads()
	if len(reads) != maxReads {
		t.Errorf("%d are to be read, want %d", len(reads), maxReads)
	}
	s.m.Answer(reads[0], nil, 0, nil)
	s.m.Receive(s.now, role.Packet{Link: LinkPackages, Peer: "w", Frames: get.Frames()})
	if got := len(s.m.Reads()); got != 1 {
		t.Errorf("after an answer %d more are to be read", got)
	}
}

func TestWhatIsNoQuestionIsCounted(t *testing.T) {
	s := newStage(t)
	for _, f := range [][][]byte{
		{[]byte("GET")},
		{[]byte("GET"), []byte("1"), []byte("../etc/passwd"), []byte("0")},
		{[]byte("GET"), []byte("1"), []byte(digest), []byte("-1")},
		{[]byte("NONE"), []byte("1"), []byte("why")},
	} {
		s.m.Receive(s.now, role.Packet{Link: LinkPackages, Peer: "w", Frames: f})
	}
	if n := s.m.MalformedCount(); n != 4 || len(s.m.Reads()) != 0 {
		t.Errorf("%d counted", n)
	}
}

func TestQueuesThatAreHeardAreCounted(t *testing.T) {
	s := newStage(t)
	if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Queues; got != 0 {
		t.Errorf("%d queues, though none was heard", got)
	}
	s.queue("queueA", 20, 1, nil)
	if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Queues; got != 1 {
		t.Errorf("%d queues, want 1", got)
	}
}

// registrar has another registrar publish which store it has.
func (s *stage) registrar(inc wire.Incarnation, sequence uint64, store wire.Incarnation, revision uint64) {
	st := wire.State{
		Member:   wire.Member{Role: wire.RoleRegistrar, Name: "other", Incarnation: inc, Host: "h", PID: 12},
		Sequence: sequence, Registrar: &wire.Applied{Store: store, Revision: revision},
	}
	s.hear(st.Topic(), st)
}

func TestOfTwoStoresOnlyTheOneThatCountsIsChanged(t *testing.T) {
	for name, c := range map[string]struct {
		store     wire.Incarnation
		revision  uint64
		overruled bool
	}{
		"the same":                 {5, 9, false},
		"an older one":             {6, 6, false},
		"a newer one":              {4, 8, true},
		"one as old that counts":   {6, 7, true},
		"one as old that does not": {4, 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.registrar(40, 1, c.store, c.revision)
			err := s.m.Overruled(s.now)
			if (err != nil) != c.overruled || err != nil && !errors.Is(err, admin.ErrOtherStore) {
				t.Fatalf("it is overruled: %v; want %t", err, c.overruled)
			}
			if got := s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2, Frontends: true}).Overruled; (got != nil) != c.overruled {
				t.Errorf("who waits is told %v", got)
			}
			for _, want := range []string{"frontend other (h, process 12)", "--store", "stop one"} {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in %q", want, err)
				}
			}
			s.now += 4 * time.Second // it has gone
			if err := s.m.Overruled(s.now); err != nil {
				t.Errorf("it is overruled by one that has gone: %v", err)
			}
		})
	}
}

func TestADeployWaitsForItsOwnFunctionAlone(t *testing.T) {
	many := make([]wire.Preparing, wire.MaxPreparing)
	for i := range many {
		many[i] = wire.Preparing{Function: fmt.Sprintf("g%02d", i), Version: 1, Tried: true, Workers: 1}
	}
	untold := slices.Clone(many)
	untold[wire.MaxPreparing-1].Tried = false
	for name, c := range map[string]struct {
		preparing []wire.Preparing
		behind    string
	}{
		"nothing is prepared":          {nil, ""},
		"another function is":          {[]wire.Preparing{{Function: "a", Version: 2, Tried: true, Workers: 1, Names: []string{"w1"}}}, ""},
		"another version is":           {[]wire.Preparing{{Function: "f", Version: 1, Workers: 1, Names: []string{"w1"}}}, ""},
		"it is":                        {[]wire.Preparing{{Function: "f", Version: 2, Tried: true, Workers: 1, Names: []string{"w1"}}}, "worker w1 at queueA"},
		"it is by many":                {[]wire.Preparing{{Function: "f", Version: 2, Workers: 5, Names: []string{"w1"}}}, "4 workers more at queueA|worker w1 at queueA"},
		"more are tried than are told": {many, "queue queueA"},
		"all that are tried are told":  {untold, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.queue("queueA", 20, 1, &wire.Following{Applied: wire.Applied{Store: 5, Revision: 7}, Oldest: 7, Preparing: c.preparing})
			if got := strings.Join(s.m.Standing(s.now, Goal{Revision: 7, Function: "f", Version: 2}).Behind, "|"); got != c.behind {
				t.Errorf("behind are %q, want %q", got, c.behind)
			}
		})
	}
}
