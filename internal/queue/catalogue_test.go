package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// deployed is a catalogue of some functions, each in one version.
func deployed(revision uint64, names ...string) wire.Catalogue {
	c := wire.Catalogue{Store: 5, Revision: revision}
	for _, name := range names {
		c.Functions = append(c.Functions, wire.Deployed{Name: name, Current: 1, Versions: []wire.FunctionVersion{
			{Number: 1, State: wire.VersionReady, Manifest: digest, Kind: "exec", TimeoutMillis: 1000},
		}})
	}
	return c
}

// registrar has a registrar publish that it is there, and what is deployed.
func (s *stage) registrar(sequence uint64, endpoint string, c wire.Catalogue) {
	st := wire.State{
		Member:   wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 66, Endpoints: map[string]string{"packages": endpoint}},
		Sequence: sequence,
	}
	s.hear(st.Topic(), st)
	s.hear(wire.CatalogueTopic(&st.Member), c)
}

// catalogues returns what a worker was told of what is deployed.
func (w *theWorker) catalogues() (all []wire.Catalogue) {
	for _, m := range take(&w.got, wire.TypeCatalogue) {
		var c wire.Catalogue
		if err := json.Unmarshal(m.Body, &c); err != nil {
			w.s.t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// serves has a worker say what it runs of a catalogue.
func (w *theWorker) serves(revision uint64, broken []wire.Broken, names ...string) {
	w.says(wire.Serves{Applied: wire.Applied{Store: 5, Revision: revision}, Functions: names, Broken: broken})
}

func (w *theWorker) says(serves wire.Serves) {
	b, err := json.Marshal(serves)
	if err != nil {
		w.s.t.Fatal(err)
	}
	w.s.say(w.Link(), wire.Header{Type: wire.TypeServes}, string(b))
}

// state is the last state that the queue has published.
func (s *stage) state() (st wire.State) {
	s.run(1100 * ms)
	all := s.sentOn(wire.TopicState)
	if err := json.Unmarshal(all[len(all)-1], &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// named is a job of a function.
func named(n int, function string) *wire.Message {
	m := request(n)
	m.Meta.Function = function
	return m
}

func TestWorkersAreToldWhatIsDeployedOnceAndWhenTheyCome(t *testing.T) {
	s := newStage(t, 1)
	early := s.worker(1, here, 1)
	s.registrar(1, "tcp://r:1", deployed(7, "resize"))
	late := s.worker(2, here, 1)
	s.registrar(2, "tcp://r:1", deployed(7, "resize")) // again, as registrars do
	for _, w := range []*theWorker{early, late} {
		got := w.catalogues()
		if len(got) != 1 || got[0].Revision != 7 || got[0].Find("resize") == nil || !slices.Equal(got[0].Sources, []string{"tcp://r:1"}) {
			t.Errorf("%s is told %+v, want revision 7 with resize, once, and where to fetch it", w.member.Name, got)
		}
	}
	s.registrar(3, "tcp://r:2", deployed(7, "resize")) // the registrar is elsewhere now
	if got := early.catalogues(); len(got) != 1 || !slices.Equal(got[0].Sources, []string{"tcp://r:2"}) {
		t.Errorf("it is told %+v, want where packages are now", got)
	}
	s.req("r", "READY", "old", "echo")
	if got := s.replied("r"); len(got) != 0 {
		t.Errorf("a worker over REQ hears %q", got)
	}
}

func TestWhatAFunctionHasDoneIsKeptThroughTheDeployOfAnother(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	s.registrar(1, "tcp://r:1", deployed(7, "resize"))
	w.serves(7, nil, "resize")
	s.brokers[0].Link().Send(s.now, named(1, "resize"))
	for _, j := range w.jobs() {
		w.answer(j)
	}
	s.registrar(2, "tcp://r:1", deployed(8, "blur", "resize"))
	w.serves(8, nil, "blur", "resize")
	if f := s.state().Queue.Functions["resize"]; f.Done != 1 || f.Arrived != 1 || f.Workers != 1 {
		t.Errorf("resize is %+v, want one job done by one worker", f)
	}
	s.registrar(3, "tcp://r:1", deployed(9, "blur"))
	w.serves(9, nil, "blur")
	if f, known := s.state().Queue.Functions["resize"]; known {
		t.Errorf("resize is %+v, want it forgotten: nobody serves it", f)
	}
}

func TestAWorkersFunctionsFollowWhatItSays(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 2)
	s.registrar(1, "tcp://r:1", deployed(7, "resize", "blur"))
	s.brokers[0].Link().Send(s.now, named(1, "resize"))
	if got := w.jobs(); len(got) != 0 {
		t.Fatalf("it is given %d jobs of a function that it has not", len(got))
	}
	w.serves(7, nil, "resize")
	if got := w.jobs(); len(got) != 1 || got[0].Meta.Function != "resize" {
		t.Fatalf("it is given %v, want the job that waits", got)
	} else {
		w.answer(got[0])
	}
	s.give(2, 3) // echo, which it has still
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("it is given %d jobs of echo, want 1", len(got))
	} else {
		w.answer(got[0])
	}
	w.serves(8, nil)
	s.brokers[0].Link().Send(s.now, named(3, "resize"))
	if got := w.jobs(); len(got) != 0 {
		t.Errorf("it is given %d jobs of a function that it has no more", len(got))
	}
	if f := s.state().Queue.Functions; f["resize"].Workers != 0 || f["resize"].Waiting != 1 || f["echo"].Workers != 1 || len(f) != 2 {
		t.Errorf("the queue publishes %+v", f)
	}
	s.consistent()
}

func TestItIsToldWhoIsBehindAndWhatDoesNotComeUp(t *testing.T) {
	s := newStage(t, 1)
	if f := s.state().Queue.Following; f != nil {
		t.Errorf("without a catalogue it publishes %+v", f)
	}
	first, second := s.worker(1, here, 1), s.worker(2, here, 1)
	c := deployed(7, "resize")
	tried := c.Functions[0].Versions[0]
	tried.Number, tried.State = 2, wire.VersionTrying
	c.Functions[0].Versions = append(c.Functions[0].Versions, tried)
	s.registrar(1, "tcp://r:1", c)
	first.serves(7, nil, "resize")
	f := s.state().Queue.Following
	if f == nil || f.Revision != 7 || f.Store != 5 || f.Oldest != 0 || f.Behind != 1 || !slices.Equal(f.Names, []string{"w2"}) {
		t.Errorf("it publishes %+v, want that w2 is behind", f)
	}
	second.serves(7, []wire.Broken{
		{Function: "blur", Version: 2, Reason: "gone"}, {Function: "resize", Version: 1, Reason: "no disk"}, {Function: "resize", Version: 2, Reason: "no memory"},
	})
	f = s.state().Queue.Following
	want := []wire.Broken{ // what is tried comes first; what is not deployed is left out
		{Function: "resize", Version: 2, Worker: "w2", Reason: "no memory"}, {Function: "resize", Version: 1, Worker: "w2", Reason: "no disk"},
	}
	if f.Behind != 0 || f.Oldest != 7 || !slices.Equal(f.Broken, want) {
		t.Errorf("it publishes %+v, want that nobody is behind, and what w2 cannot run", f)
	}
}

func TestItIsToldWhatIsStillBeingPreparedAndWhere(t *testing.T) {
	s := newStage(t, 1)
	s.registrar(1, "tcp://r:1", deployed(7, "blur", "resize"))
	for n := range wire.Incarnation(6) {
		w := s.worker(n+1, here, 1)
		serves := wire.Serves{Applied: wire.Applied{Store: 5, Revision: 7}, Functions: []string{}, Preparing: []wire.Preparing{{Function: "blur", Version: 1}}}
		if n == 0 {
			serves.Preparing = []wire.Preparing{{Function: "resize", Version: 2, Tried: true}, {Function: "blur", Version: 1}}
		}
		w.says(serves)
	}
	f := s.state().Queue.Following
	if got := fmt.Sprint(f.Preparing); f.Behind != 0 || got != "[{resize 2 true 1 [w1]} {blur 1 false 6 [w1 w2 w3 w4]}]" {
		t.Errorf("it publishes %+v", f)
	}
}

func TestPeopleAreToldOnceThatAWorkerCannotRunWhatTakesRequests(t *testing.T) {
	s := newStage(t, 1)
	s.receive(role.Packet{Link: LinkPublish, Peer: "coordinator0", Frames: [][]byte{[]byte("\x01event/")}})
	w := s.worker(1, here, 1)
	c := deployed(7, "resize")
	tried := c.Functions[0].Versions[0]
	tried.Number, tried.State = 2, wire.VersionTrying
	c.Functions[0].Versions = append(c.Functions[0].Versions, tried)
	s.registrar(1, "tcp://r:1", c)
	told := func() (texts []string) {
		for _, b := range s.sentOn(wire.TopicEvent) {
			var e wire.Event
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			if e.Kind == "function-broken" {
				texts = append(texts, e.Worker+": "+e.Text)
			}
		}
		return texts
	}
	told()
	broken := []wire.Broken{{Function: "resize", Version: 2, Reason: "no memory"}, {Function: "resize", Version: 1, Reason: strings.Repeat("long ", 100)}}
	for range 2 {
		w.serves(7, broken, "resize")
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "w1: version 1 of resize, which takes requests, does not come up here: long ") || len(got[0]) > 400 {
		t.Errorf("told are %q, want version 1 once, briefly", got)
	}
	w.serves(7, nil, "resize")
	w.serves(7, broken, "resize")
	if got := told(); len(got) != 1 {
		t.Errorf("broken again, told are %q", got)
	}
}

func TestWhatAWorkerSaysThatItServesIsChecked(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	for _, body := range []string{`{"functions":["../x"]}`, `[]`, `{"functions":["metrics"]}`, `{"preparing":[{"function":"../x"}]}`} {
		before := s.m.MalformedCount()
		s.say(w.Link(), wire.Header{Type: wire.TypeServes}, body)
		if s.m.MalformedCount() != before+1 || len(s.m.functions) != 1 {
			t.Errorf("%s: %d functions, %d counted", body, len(s.m.functions), s.m.MalformedCount())
		}
	}
}

// Of workers with different functions, each job goes to the one that has been
// idle longest of those that can run it.
func TestSpecialisedWorkersTakeTurns(t *testing.T) {
	s := newStage(t, 1)
	s.registrar(1, "tcp://r:1", deployed(7, "resize"))
	both, plain, gpu := s.worker(1, here, 4), s.worker(2, here, 4), s.worker(3, here, 4)
	both.serves(7, nil, "resize")
	gpu.serves(7, nil, "resize")
	for n, function := range []string{"resize", "echo", "resize", "echo", "echo", "echo"} {
		s.brokers[0].Link().Send(s.now, named(n+1, function))
	}
	got := map[string]string{}
	for _, w := range []*theWorker{both, plain, gpu} {
		for _, m := range w.jobs() {
			got[w.member.Name] += fmt.Sprint(" ", m.Meta.Function)
		}
	}
	if got["w1"] == "" || got["w2"] == "" || got["w3"] == "" || got["w2"] != " echo echo" {
		t.Errorf("they are given %v, want each its share, and w2 no resize", got)
	}
	s.consistent()
}

func TestTheOutputOfAFunctionIsAskedOfItsWorker(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	ask := wire.Command{ID: 9, ReplyTo: 8, Verb: wire.VerbLogs, Worker: wire.Incarnation(1).String(), Function: "resize", Since: 3}
	s.sentOn("")
	for range 2 { // commands are repeated
		s.hear(wire.CommandTopic(10), ask)
	}
	asked := take(&w.got, wire.TypeLogs)
	if len(asked) != 1 || len(s.sentOn(wire.TopicReply)) != 0 {
		t.Fatalf("the worker is asked %d times, want once; nothing is replied yet", len(asked))
	}
	var wanted wire.LogsWanted
	if err := json.Unmarshal(asked[0].Body, &wanted); err != nil || wanted.Function != "resize" || wanted.Since != 3 {
		t.Fatalf("it is asked %s", asked[0].Body)
	}
	s.say(w.Link(), wire.Header{Type: wire.TypeLines}, fmt.Sprintf(`{"number":%d,"last":4,"lines":[{"number":4,"text":"hi"}]}`, wanted.Number))
	var reply wire.Reply
	if r := s.sentOn(wire.TopicReply); len(r) != 1 || json.Unmarshal(r[0], &reply) != nil || !reply.OK || reply.Command != 9 || len(reply.Logs.Lines) != 1 {
		t.Errorf("it replies %s", r)
	}
	ask.ID, ask.Worker = 10, "nobody"
	s.hear(wire.CommandTopic(10), ask)
	if r := s.sentOn(wire.TopicReply); len(r) != 1 || json.Unmarshal(r[0], &reply) != nil || reply.OK {
		t.Errorf("of a worker that is not there it replies %s", r)
	}
}

func TestTheDetailNamesAllFunctionsOfAWorkerEachListOnce(t *testing.T) {
	s := newStage(t, 1)
	s.watch()
	s.registrar(1, "tcp://r:1", deployed(7))
	var all []string
	for n := range 100 {
		all = append(all, fmt.Sprintf("f%03d", n))
	}
	for inc := range wire.Incarnation(3) {
		s.worker(inc+1, here, 1, "echo").serves(7, nil, all...)
	}
	s.worker(4, here, 1, "echo")
	d := s.detailOf()
	if len(d.Crews) != 1 {
		t.Errorf("%d lists of functions for three workers that have the same", len(d.Crews))
	}
	d.Spread()
	for _, w := range d.Workers {
		want := 101
		if w.ID == wire.Incarnation(4).String() {
			want = 1
		}
		if len(w.Functions) != want || w.Crew != 0 || !slices.Contains(w.Functions, "echo") {
			t.Errorf("worker %s has %d functions, want %d", w.Name, len(w.Functions), want)
		}
	}
}
