package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestTopicsAreToldApartByPrefix(t *testing.T) {
	member := Member{Role: RoleQueue, Name: "queueA", Incarnation: 0xab}
	state := &State{Member: member}
	detail := &Detail{Role: RoleQueue, Name: "queueA", Incarnation: 0xab}
	event := &Event{Role: RoleQueue, Name: "queueA"}
	for got, want := range map[string]string{
		state.Topic():             "state/queue/queueA/00000000000000ab/",
		detail.Topic():            "detail/queue/queueA/00000000000000ab/",
		event.Topic():             "event/queue/queueA/",
		OfferTopic(0xab):          "offer/00000000000000ab/",
		TakeTopic(0xab):           "take/00000000000000ab/",
		SnapshotTopic(0xab):       "snapshot/00000000000000ab/",
		JobTopic("queueA", 0xab):  "queueA/00000000000000ab/",
		JobTopic("queueAA", 0xab): "queueAA/00000000000000ab/",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	kinds := []string{TopicState, TopicDetail, TopicEvent, TopicOffer, TopicTake, TopicSnapshot}
	for _, a := range kinds {
		for _, b := range kinds {
			if a != b && strings.HasPrefix(a, b) {
				t.Errorf("whoever wants %q gets %q as well", b, a)
			}
		}
	}
	// queueA's subscription must not bring queueAA's jobs, nor its successor's.
	mine := JobTopic("queueA", 0xab)
	for _, other := range []string{JobTopic("queueAA", 0xab), JobTopic("queueA", 0xac), JobTopic("queue", 0xab)} {
		if strings.HasPrefix(other, mine) || strings.HasPrefix(mine, other) {
			t.Errorf("%q and %q are one to ZeroMQ", mine, other)
		}
	}
	// libzmq loses subscriptions of 246 bytes and more.
	name := strings.Repeat("n", MaxName)
	longest := &State{Member: Member{Role: RoleCoordinator, Name: name, Incarnation: 1<<64 - 1}}
	if n := max(len(longest.Topic())+1, len(JobTopic(name, 1))); n >= 246 {
		t.Errorf("the longest topic has %d bytes", n)
	}
}

func TestJobTopicText(t *testing.T) {
	for _, name := range []string{"queueA", "q", "a.b-c_d", strings.Repeat("n", MaxName)} {
		queue, inc, err := ParseJobTopic(JobTopic(name, 0xfeed))
		if queue != name || inc != 0xfeed || err != nil {
			t.Errorf("%q came back as %q, %v, %v", name, queue, inc, err)
		}
	}
	for _, bad := range []string{
		"", "/", "//", "queueA", "queueA/", "queueA//", "queueA/00000000000000ab", "queueA/ab/", "/00000000000000ab/",
		"queueA/00000000000000ab/x", "queueA/00000000000000ab//", "queueA/000000000000zzzz/", "a b/00000000000000ab/",
		"state/queueA/00000000000000ab/",
	} {
		if queue, inc, err := ParseJobTopic(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is read as %q, %v, %v", bad, queue, inc, err)
		}
	}
}

func exampleState() State {
	return State{
		Member: Member{
			Role: RoleQueue, Name: "queueA", Incarnation: 0xf000000000000001, Host: "h", PID: 7, Version: "v1",
			Endpoints: map[string]string{"workers": "tcp://h:8123"}, Workers: 2,
		},
		Sequence: 1<<64 - 1, Draining: true, Malformed: 3,
		Queue: &QueueState{
			Functions: map[string]FunctionState{"echo": {Workers: 2, Free: 1, Waiting: 4, Running: 1, Oldest: 250, Arrived: 9, Done: 5, Failed: 1}},
			Slots:     2, Free: 1, Waiting: 4, Running: 1, Arrived: 107, Done: 100, Failed: 7, Moved: 2, Taken: 3,
		},
	}
}

func TestBusValuesComeBackAsTheyWereSent(t *testing.T) {
	queue := exampleState()
	member := queue.Member
	for _, v := range []any{
		queue,
		State{Member: Member{Role: RoleBroker, Name: "b"}, Broker: &BrokerState{Queues: []string{"queueA"}, Holding: 1, Accepted: 2}},
		State{Member: Member{Role: RoleFrontend, Name: "f"}, Frontend: &FrontendState{HTTP: ":3000", Open: 1, Failed: 3, Refused: 2}, Left: true},
		member,
		Detail{Role: RoleQueue, Name: "queueA", Incarnation: 1, Sequence: 2, Clock: 7, JobsTotal: 3, Workers: []WorkerDetail{
			{Name: "w", Kind: "req", State: WorkerLost, Reason: "silent", Functions: []string{"echo"}, Slots: 1, HeardMillis: 9},
			{Name: "v", Kind: "native", State: WorkerUp, Slots: 1, Done: 9, Failed: 2, Job: exampleID, RunMillis: 70, P99: 1.25},
		}, Latency: map[string][]byte{"echo": {0, 0xff}, "": {1}}},
		Event{Millis: 1, Level: LevelWarn, Role: RoleQueue, Name: "queueA", Kind: "worker-lost", Worker: "w", Job: exampleID, Text: "gone"},
		Member{Role: RoleWorker, Name: "w", Incarnation: 1, Functions: []string{"echo"}, Slots: 8, Jobs: []JobID{{0: 1}, {15: 0xff}}},
		Offer{Giver: 1<<64 - 1, Number: 7, Function: "echo", Waiting: 2},
		Take{Taker: 1<<64 - 1, TakerName: "queueB", Number: 5, Function: "echo", Count: 3},
		Snapshot{Coordinator: member, States: []Aged[State]{{AgeMillis: 5, Value: queue}}, Details: []Aged[Detail]{}},
	} {
		frames := EncodeBus("topic/", v)
		if len(frames) != 2 || string(frames[0]) != "topic/" {
			t.Fatalf("%T is sent as %q", v, frames)
		}
		got := reflect.New(reflect.TypeOf(v))
		if err := DecodeBus(frames, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("sent %+v, got %+v, %v", v, got.Elem(), err)
		}
	}
}

func TestNumbersThatCannotBeAreRefused(t *testing.T) {
	queue := func(change func(*QueueState)) interface{ Check() error } {
		s := exampleState()
		change(s.Queue)
		return &s
	}
	echo := func(change func(*FunctionState)) interface{ Check() error } {
		return queue(func(q *QueueState) {
			f := q.Functions["echo"]
			change(&f)
			q.Functions["echo"] = f
		})
	}
	worker := func(w WorkerDetail) interface{ Check() error } {
		w.Name = "w"
		return &Detail{Workers: []WorkerDetail{w}}
	}
	latency := func(functions, bytes int) interface{ Check() error } {
		d := &Detail{Latency: make(map[string][]byte)}
		for i := range functions {
			d.Latency[fmt.Sprint("f", i)] = make([]byte, bytes/functions)
		}
		return d
	}
	for name, c := range map[string]struct {
		value interface{ Check() error }
		ok    bool
	}{
		"a queue's state":            {queue(func(*QueueState) {}), true},
		"arrived":                    {queue(func(q *QueueState) { q.Arrived = maxTotal + 1 }), false},
		"failed":                     {queue(func(q *QueueState) { q.Failed = maxTotal + 1 }), false},
		"a function's arrived":       {echo(func(f *FunctionState) { f.Arrived = 1 << 63 }), false},
		"a function's done":          {echo(func(f *FunctionState) { f.Done = 1 << 63 }), false},
		"a function's failed":        {echo(func(f *FunctionState) { f.Failed = 1 << 63 }), false},
		"a function's oldest":        {echo(func(f *FunctionState) { f.Oldest = -1 }), false},
		"a frontend":                 {&State{Frontend: &FrontendState{Failed: maxTotal}}, true},
		"a frontend's failed":        {&State{Frontend: &FrontendState{Failed: maxTotal + 1}}, false},
		"a frontend's errors":        {&State{Frontend: &FrontendState{Errors: maxTotal + 1}}, false},
		"a frontend's expired":       {&State{Frontend: &FrontendState{Expired: maxTotal + 1}}, false},
		"a frontend's open":          {&State{Frontend: &FrontendState{Open: -1}}, false},
		"a clock":                    {&State{Clock: -1}, false},
		"a detail's clock":           {&Detail{Clock: maxMillis + 1}, false},
		"jobs in all":                {&Detail{JobsTotal: -1}, false},
		"a worker":                   {worker(WorkerDetail{Failed: 9, Job: exampleID, RunMillis: 5, P99: 0.5}), true},
		"a worker's failed":          {worker(WorkerDetail{Failed: 1 << 60}), false},
		"a worker's run":             {worker(WorkerDetail{RunMillis: -1}), false},
		"a worker's percentile":      {worker(WorkerDetail{P99: -1}), false},
		"a worker's long percentile": {worker(WorkerDetail{P99: 1e300}), false},
		"a worker's job":             {worker(WorkerDetail{Job: strings.Repeat("x", maxText+1)}), false},
		"latencies":                  {latency(MaxLatencies+1, MaxLatencyBytes/2), true},
		"too many latencies":         {latency(MaxLatencies+2, 0), false},
		"latencies of many bytes":    {latency(2, MaxLatencyBytes+2), false},
		"the latency of no function": {&Detail{Latency: map[string][]byte{"a b": {1}}}, false},
		"the latency of the others":  {&Detail{Latency: map[string][]byte{"": {1}}}, true},
	} {
		if err := c.value.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want accepted %t", name, err, c.ok)
		}
	}
}

func TestIncarnationsSurviveReadersThatKnowOnlyFloats(t *testing.T) {
	// JavaScript's numbers hold 53 bits.
	b := EncodeBus("t", Take{Taker: 1<<64 - 1})[1]
	if !bytes.Contains(b, []byte(`"ffffffffffffffff"`)) {
		t.Errorf("%s: the incarnation is no string", b)
	}
}

func TestBusValuesOfTheNextReleaseAreRead(t *testing.T) {
	var s State
	err := DecodeBus(frames("t", `{"role":"queue","name":"q","incarnation":"0000000000000001","sequence":1,"novelty":{"a":[1]}}`), &s)
	if err != nil || s.Name != "q" || s.Sequence != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestUnusableBusMessagesAreRefused(t *testing.T) {
	for _, f := range [][][]byte{
		nil, frames("t"), frames("t", "{}", "{}"), frames("t", ""), frames("t", "{"), frames("t", "[]"), frames("t", "{} {}"),
		frames("t", `{"sequence":-1}`), frames("t", `{"sequence":"1"}`), frames("t", `{"incarnation":1}`),
		frames("t", `{"incarnation":"ab"}`), frames("t", `{"incarnation":"1zzzzzzzzzzzzzzz"}`), frames("t", `{"name":null,"role":[]}`),
	} {
		var s State
		if err := DecodeBus(f, &s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is read as %+v, %v", f, s, err)
		}
	}
}

func TestAdvertise(t *testing.T) {
	var m Member
	m.Advertise("workers", "tcp://h:1")
	m.Advertise("workers", "tcp://h:2")
	m.Advertise("replies", "tcp://h:3")
	if want := map[string]string{"workers": "tcp://h:2", "replies": "tcp://h:3"}; !reflect.DeepEqual(m.Endpoints, want) {
		t.Errorf("got %v, want %v", m.Endpoints, want)
	}
}

func FuzzBusState(f *testing.F) {
	seed, err := json.Marshal(exampleState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"broker":{"queues":null},"frontend":{},"queue":{"functions":{"":{}}}}`))
	f.Add([]byte(`{"endpoints":{},"functions":[],"name":"\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again State
		if err := DecodeJSON(b, &s); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		enc := EncodeBus(s.Topic(), s)
		if err := DecodeBus(enc, &again); err != nil {
			t.Fatalf("%s does not come back: %v", enc[1], err)
		}
		if twice := EncodeBus(again.Topic(), again); !reflect.DeepEqual(enc, twice) {
			t.Fatalf("%q came back as %q", enc, twice)
		}
	})
}
