package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
)

func exampleCommand() Command {
	return Command{ID: 1, ReplyTo: 1<<64 - 1, By: "me@here", Verb: VerbKill, Worker: "00000000000000ab", Job: exampleID, Count: 3, Millis: 500}
}

func TestCommandsThatNobodyCouldMeanAreRefused(t *testing.T) {
	long := strings.Repeat("x", maxText)
	for _, c := range []struct {
		name   string
		change func(*Command)
		ok     bool
	}{
		{"as it is", func(*Command) {}, true},
		{"of a verb of the next release", func(c *Command) { c.Verb = "novelty" }, true},
		{"only what must be", func(c *Command) { *c = Command{ID: 1, ReplyTo: 1} }, true},
		{"without id", func(c *Command) { c.ID = 0 }, false},
		{"without address", func(c *Command) { c.ReplyTo = 0 }, false},
		{"longest name", func(c *Command) { c.By = long }, true},
		{"name too long", func(c *Command) { c.By = long + "x" }, false},
		{"longest worker", func(c *Command) { c.Worker = long }, true},
		{"worker too long", func(c *Command) { c.Worker = long + "x" }, false},
		{"longest job", func(c *Command) { c.Job = long }, true},
		{"job too long", func(c *Command) { c.Job = long + "x" }, false},
		{"no time", func(c *Command) { c.Millis = 0 }, true},
		{"longest time", func(c *Command) { c.Millis = maxMillis }, true},
		{"time too long", func(c *Command) { c.Millis = maxMillis + 1 }, false},
		{"negative time", func(c *Command) { c.Millis = -1 }, false},
		{"no count", func(c *Command) { c.Count = 0 }, true},
		{"highest count", func(c *Command) { c.Count = maxCount }, true},
		{"count too high", func(c *Command) { c.Count = maxCount + 1 }, false},
		{"negative count", func(c *Command) { c.Count = -1 }, false},
	} {
		cmd := exampleCommand()
		c.change(&cmd)
		if err := cmd.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want accepted %t", c.name, err, c.ok)
		}
	}
}

func TestErrorsAboutCommandsAreShort(t *testing.T) {
	c := Command{Verb: strings.Repeat("x", 1<<20)}
	if err := c.Check(); err == nil || len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestDetailsBeyondWhatAQueueListsAreRefused(t *testing.T) {
	for _, c := range []struct {
		workers, jobs int
		ok            bool
	}{
		{0, 0, true}, {maxWorkerDetails, MaxJobs, true}, {maxWorkerDetails + 1, 0, false}, {0, MaxJobs + 1, false},
	} {
		d := Detail{Workers: make([]WorkerDetail, c.workers), Jobs: make([]JobDetail, c.jobs)}
		for i := range d.Workers {
			d.Workers[i].Name = "w"
		}
		if err := d.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%d workers and %d jobs: %v, want accepted %t", c.workers, c.jobs, err, c.ok)
		}
	}
}

func TestTopicsOfCommandsAreToldApart(t *testing.T) {
	for got, want := range map[string]string{
		CommandTopic(0xab): "command/00000000000000ab/",
		ReplyTopic(0xab):   "reply/00000000000000ab/",
		HistoryTopic(0xab): "history/00000000000000ab/",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	kinds := []string{
		TopicState, TopicDetail, TopicEvent, TopicOffer, TopicTake, TopicSnapshot, TopicHistory, TopicCommand, TopicReply,
	}
	for _, a := range kinds {
		for _, b := range kinds {
			if a != b && strings.HasPrefix(a, b) {
				t.Errorf("whoever wants %q gets %q as well", b, a)
			}
		}
	}
}

func TestCommandsRepliesAndHistoryComeBackAsTheyWereSent(t *testing.T) {
	job := &JobDetail{
		ID: exampleID, Function: "echo", State: JobRunning, Queue: "queueA", Worker: "w", Attempt: 2, AttemptLimit: 3,
		Moves: 1, Bytes: 5, AgeMillis: 6, RunMillis: 7, LeftMillis: 8,
	}
	for _, v := range []any{
		exampleCommand(),
		Command{ID: 1, ReplyTo: 2},
		Reply{Command: 1<<64 - 1, Role: RoleQueue, Name: "queueA", OK: true, Text: "is at queueA", Foreign: true, Job: job},
		Reply{Command: 1, Text: "no"},
		History{Events: []json.RawMessage{json.RawMessage(`{"from":"ffffffffffffffff","number":9}`)}},
		Event{From: 1<<64 - 1, Number: 9, Millis: 1, Level: LevelWarn, Role: RoleQueue, Name: "q", Kind: "k", Text: "t"},
		Detail{Role: RoleQueue, Name: "q", Workers: []WorkerDetail{{ID: "req-1", Name: "w", Functions: []string{}}}, Jobs: []JobDetail{*job}},
		State{Member: Member{Role: RoleSupervisor, Name: "s", Protocol: BusProtocol}, Supervisor: &SupervisorState{Wanted: 3, PIDs: []int{2, 7}, HeldMillis: 1}},
	} {
		frames := EncodeBus("topic/", v)
		got := reflect.New(reflect.TypeOf(v))
		if err := DecodeBus(frames, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("sent %+v, got %+v, %v", v, got.Elem(), err)
		}
	}
}

func TestNewIncarnationsAreNeverZeroNorAlike(t *testing.T) {
	seen := make(map[Incarnation]bool)
	for range 10_000 {
		i := NewIncarnation()
		if i == 0 || seen[i] {
			t.Fatalf("%v is no new incarnation", i)
		}
		seen[i] = true
	}
}

func TestJobIDsAreReadAsTheyArePrinted(t *testing.T) {
	want := ulid.MustParse(exampleID)
	if got, err := ParseJobID(want.String()); got != want || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{
		"", "x", exampleID[1:], exampleID + "0", " " + exampleID[1:], "81JQXM7C2N8RZ5V0T4W6Y3HGKE", // beyond 128 bits
		"01JQXM7C2N8RZ5V0T4W6Y3HGKU", strings.Repeat("é", 13), strings.Repeat("x", 1<<20),
	} {
		if got, err := ParseJobID(bad); !errors.Is(err, ErrMalformed) || len(err.Error()) > 300 {
			t.Errorf("%.40q is read as %v, %.400v", bad, got, err)
		}
	}
}

func TestLeaveHasAReason(t *testing.T) {
	leave := Text{Command: TextLeave, Reason: "drained by an operator"}
	want := frames("LEAVE", "drained by an operator")
	if got := leave.Frames(); !reflect.DeepEqual(got, want) {
		t.Errorf("written as %q, want %q", got, want)
	}
	if got, err := DecodeText(want); err != nil || !reflect.DeepEqual(*got, leave) {
		t.Errorf("read as %+v, %v", got, err)
	}
	for _, bad := range [][][]byte{frames("LEAVE"), frames("LEAVE", "why", "more")} {
		if got, err := DecodeText(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is read as %+v, %v", bad, got, err)
		}
	}
}

func FuzzBusCommand(f *testing.F) {
	seed, err := json.Marshal(exampleCommand())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":"0000000000000001","reply_to":"0000000000000002","verb":"scale","count":-1,"millis":1e3}`))
	f.Add([]byte(`{"id":"0000000000000001","reply_to":"0000000000000002","by":"\ud800","verb":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again Command
		err := DecodeJSON(b, &c)
		if err == nil {
			err = c.Check()
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is no known error", err)
			}
			return
		}
		enc := EncodeBus(CommandTopic(c.ID), c)
		if err := DecodeBus(enc, &again); err != nil {
			t.Fatalf("%s does not come back: %v", enc[1], err)
		}
		if err := again.Check(); err != nil || again != c {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
	})
}

func TestADetailOfWorkersThatCannotBeCalledThatIsRefused(t *testing.T) {
	for _, name := range []string{"", "evil\x1b[2J", "a/b", strings.Repeat("x", MaxName+1)} {
		d := Detail{Workers: []WorkerDetail{{Name: "w"}, {Name: name}}}
		if err := d.Check(); !errors.Is(err, ErrMalformed) {
			t.Errorf("worker %.20q: %v", name, err)
		}
	}
}
