package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The coordination bus carries two frames: a topic and a JSON object. Topics
// match by prefix in ZeroMQ, so each part ends with "/" and receivers compare
// whole parts. The kinds are prefixes of their own, so that what nobody
// subscribes to never leaves its publisher.
const (
	TopicState     = "state/"     // + role/name/incarnation/ : State
	TopicDetail    = "detail/"    // + role/name/incarnation/ : Detail
	TopicCatalogue = "catalogue/" // + role/name/incarnation/ : Catalogue
	TopicEvent     = "event/"     // + role/name/ : Event
	TopicOffer     = "offer/"     // + receiver's incarnation/ : Offer
	TopicTake      = "take/"      // + giver's incarnation/ : Take
	TopicSnapshot  = "snapshot/"  // + subscriber's token/ : Snapshot
	TopicHistory   = "history/"   // + subscriber's token/ : History
	TopicCommand   = "command/"   // + receiver's incarnation/ : Command
	TopicReply     = "reply/"     // + asker's token/ : Reply
)

// Roles as named on the bus and on the command line.
const (
	RoleFrontend    = "frontend"
	RoleBroker      = "broker"
	RoleQueue       = "queue"
	RoleCoordinator = "coordinator"
	RoleWorker      = "worker"
	RoleSupervisor  = "supervisor" // of the workers of `faasd up`
	RoleRegistrar   = "registrar"  // of what is deployed; in a frontend's process
)

// BusProtocol is the version of what is said on the bus. Members of another
// version may mean other things by the same words.
const BusProtocol = 2

// Member is who somebody is: the body of a HELLO, and part of a State.
type Member struct {
	Role        string            `json:"role"`
	Name        string            `json:"name"`
	Incarnation Incarnation       `json:"incarnation"`
	Host        string            `json:"host,omitempty"`
	PID         int               `json:"pid,omitempty"`
	Started     int64             `json:"started_ms,omitempty"` // Unix time, ms
	Version     string            `json:"version,omitempty"`
	Protocol    int               `json:"protocol,omitempty"`  // BusProtocol
	Endpoints   map[string]string `json:"endpoints,omitempty"` // link name → where others reach it

	Functions []string `json:"functions,omitempty"` // a worker's
	Slots     int      `json:"slots,omitempty"`     // a worker's: jobs it runs at a time
	Jobs      []JobID  `json:"jobs,omitempty"`      // a worker's: those it has
	Drained   bool     `json:"drained,omitempty"`   // a worker's: it drains by an operator's command
	Workers   int      `json:"workers,omitempty"`   // a queue's: how many have joined
	Pinned    int      `json:"pinned,omitempty"`    // a queue's: how many of these know no other queue
}

// Placed is how many of a queue's workers could be at another queue: those that
// count where workers are to be spread evenly.
func (m *Member) Placed() int { return max(m.Workers-m.Pinned, 0) }

// Advertise says where others reach one of the member's links.
func (m *Member) Advertise(link, endpoint string) {
	if m.Endpoints == nil {
		m.Endpoints = make(map[string]string)
	}
	m.Endpoints[link] = endpoint
}

// State is a member's whole public state. Within an incarnation the higher
// sequence wins.
type State struct {
	Member
	Sequence  uint64 `json:"sequence"`
	Clock     int64  `json:"clock_ms,omitempty"` // the publisher's monotonic clock, ms, from 1: tells how late this comes
	Draining  bool   `json:"draining,omitempty"`
	Left      bool   `json:"left,omitempty"`      // the last state of this incarnation: it has stopped in order
	Malformed uint64 `json:"malformed,omitempty"` // messages that did not decode, since it started

	Queue    *QueueState    `json:"queue,omitempty"`
	Broker   *BrokerState   `json:"broker,omitempty"`
	Frontend *FrontendState `json:"frontend,omitempty"`

	Supervisor *SupervisorState `json:"supervisor,omitempty"`
	Registrar  *Applied         `json:"registrar,omitempty"` // what it publishes
}

// Topic is where s is published.
func (s *State) Topic() string { return memberTopic(TopicState, &s.Member) }

// QueueState is what the others need to know of a queue.
type QueueState struct {
	Functions map[string]FunctionState `json:"functions"`
	Slots     int                      `json:"slots"`   // of all its workers
	Free      int                      `json:"free"`    // slots without a job
	Waiting   int                      `json:"waiting"` // jobs no worker has
	Running   int                      `json:"running"` // jobs at a worker
	Arrived   uint64                   `json:"arrived"` // jobs that came, since it started; one that comes again counts once
	Done      uint64                   `json:"done"`    // results sent on
	Failed    uint64                   `json:"failed"`  // of these, other than OK
	Moved     uint64                   `json:"moved"`   // jobs given to other queues
	Taken     uint64                   `json:"taken"`   // jobs taken from other queues
	Late      uint64                   `json:"late"`    // results of jobs that were closed, dropped

	// Past is what was counted of functions that the queue has neither a worker nor
	// a job of, as far as it remembers.
	Past map[string]FunctionCounts `json:"past,omitempty"`

	Following *Following `json:"following,omitempty"` // nil: it knows no catalogue
}

// FunctionState is one function's part of a queue. A worker with several
// functions counts its free slots in each.
type FunctionState struct {
	Workers int   `json:"workers"`
	Free    int   `json:"free"`
	Waiting int   `json:"waiting"`
	Running int   `json:"running"`
	Oldest  int64 `json:"oldest_ms"` // age of the oldest waiting job, ms

	// Since the queue started, or has forgotten the function: see QueueState.Past.
	Arrived uint64 `json:"arrived"` // jobs that came; one that comes again counts once
	Done    uint64 `json:"done"`    // results sent on
	Failed  uint64 `json:"failed"`  // of these, other than OK
}

// FunctionCounts are the counts of a FunctionState alone.
type FunctionCounts struct {
	Arrived uint64 `json:"arrived"`
	Done    uint64 `json:"done"`
	Failed  uint64 `json:"failed"`
}

// BrokerState is what operators see of a broker.
type BrokerState struct {
	Queues   []string `json:"queues"`  // routable ones, in ring order
	Holding  int      `json:"holding"` // jobs accepted and not yet answered
	Unrouted int      `json:"unrouted"`
	Accepted uint64   `json:"accepted"`
	Answered uint64   `json:"answered"`
	Late     uint64   `json:"late"` // results of jobs that were closed, dropped
}

// FrontendState is what operators see of a frontend.
type FrontendState struct {
	HTTP     string `json:"http"`
	Open     int    `json:"open"`     // requests waiting for their answer
	Accepted uint64 `json:"accepted"` // requests a broker had room for
	Answered uint64 `json:"answered"` // with a result
	Failed   uint64 `json:"failed"`   // answers other than OK, and requests whose time ran out here
	Errors   uint64 `json:"errors"`   // of these, errors of the function's own
	Expired  uint64 `json:"expired"`  // of these, past their deadline or their function's own timeout
	Refused  uint64 `json:"refused"`
	Late     uint64 `json:"late"` // results of requests that were closed, dropped

	Applied *Applied `json:"applied,omitempty"` // the catalogue that it goes by; nil: it knows none
}

// SupervisorState is what operators see of who keeps the workers of `faasd up`.
type SupervisorState struct {
	Wanted     int   `json:"wanted"`  // worker processes
	PIDs       []int `json:"pids"`    // of those that run
	HeldMillis int64 `json:"held_ms"` // for how long none is started yet
}

// Detail is what is published only while somebody watches.
type Detail struct {
	Role        string         `json:"role"`
	Name        string         `json:"name"`
	Incarnation Incarnation    `json:"incarnation"`
	Sequence    uint64         `json:"sequence"`
	Clock       int64          `json:"clock_ms"` // as a State's
	Workers     []WorkerDetail `json:"workers"`
	Crews       [][]string     `json:"crews,omitempty"` // functions of workers that have many, each list once; see Spread
	Jobs        []JobDetail    `json:"jobs"`            // the oldest MaxJobs of them
	JobsTotal   int            `json:"jobs_total"`      // of all

	// Latency has, by function, how long the jobs answered in the last minute
	// were at the queue, from their arrival until their results were sent on:
	// sketches as internal/latency encodes them. Those of functions beyond the
	// MaxLatencies that did most are merged under "".
	Latency map[string][]byte `json:"latency,omitempty"`
}

// Bounds of what a queue lists.
const (
	MaxJobs         = 200
	MaxLatencies    = 200     // functions whose latencies it tells apart
	MaxLatencyBytes = 1 << 20 // of all their sketches
)

// Topic is where d is published.
func (d *Detail) Topic() string {
	return memberTopic(TopicDetail, &Member{Role: d.Role, Name: d.Name, Incarnation: d.Incarnation})
}

// States of a worker as its queue sees it.
const (
	WorkerUp       = "up"
	WorkerDraining = "draining"
	WorkerDying    = "dying" // told to, and not known to be dead yet
	WorkerLost     = "lost"
)

// ReasonKilled is the Reason of a worker that was lost because an operator has
// asked for that.
const ReasonKilled = "killed by an operator"

// WorkerDetail is one worker of a queue.
type WorkerDetail struct {
	ID          string   `json:"id"` // by which its queue knows it: a native one's incarnation, "req-NUMBER" or "mdp-NUMBER"
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // "native", "req" or "mdp"
	Host        string   `json:"host,omitempty"`
	PID         int      `json:"pid,omitempty"`
	State       string   `json:"state"`
	Reason      string   `json:"reason,omitempty"` // of "lost"
	Functions   []string `json:"functions"`
	Crew        int      `json:"crew,omitempty"` // of one with more than MaxFunctions: which of Detail.Crews they are, from 1; see Spread
	Slots       int      `json:"slots"`
	Running     int      `json:"running"`
	Done        uint64   `json:"done"`
	Failed      uint64   `json:"failed"`   // of these, other than OK
	HeardMillis int64    `json:"heard_ms"` // since its last sign of life

	Job       string  `json:"job,omitempty"`   // the one that it has had longest
	RunMillis int64   `json:"running_ms"`      // since that was given to it
	Stuck     int     `json:"stuck,omitempty"` // runs that were to stop 5 s ago and have not: each holds a slot
	P99       float64 `json:"p99_ms"`          // of the last minute, ms, from a job's being given to it until its result; 0 there was none
}

// States of a job as its queue sees it.
const (
	JobWaiting = "waiting" // no worker has it
	JobGiven   = "given"   // of a broker: a queue has it, and knows more
	JobMoving  = "moving"  // a broker was asked to give it to another queue
	JobRunning = "running" // a worker has it
	JobDone    = "done"    // answered; the result is kept for whoever asks again
)

// JobDetail is one job as a queue, or a broker, sees it. Times are ages, or
// what is left, in ms.
type JobDetail struct {
	ID           string `json:"id"`
	Function     string `json:"function"`
	State        string `json:"state"`
	Queue        string `json:"queue,omitempty"`
	Worker       string `json:"worker,omitempty"`
	Attempt      int    `json:"attempt"` // runs started
	AttemptLimit int    `json:"attempt_limit"`
	Moves        int    `json:"moves"`      // between queues
	Bytes        int    `json:"bytes"`      // of the request's body
	AgeMillis    int64  `json:"age_ms"`     // since it came to who tells
	RunMillis    int64  `json:"running_ms"` // since this run was started; 0 if none runs
	LeftMillis   int64  `json:"left_ms"`    // until its deadline
}

// Levels of an event.
const (
	LevelInfo = "info"
	LevelWarn = "warn"
)

// Event is something that happened.
type Event struct {
	From   Incarnation `json:"from"`
	Number uint64      `json:"number"` // +1 each event of that incarnation: one that comes by two coordinators counts once

	Millis int64  `json:"time_ms"` // Unix time, ms
	Level  string `json:"level"`
	Role   string `json:"role"`
	Name   string `json:"name"`
	Kind   string `json:"kind"` // "worker-joined", "worker-lost", …
	Worker string `json:"worker,omitempty"`
	Job    string `json:"job,omitempty"`
	Text   string `json:"text"`
}

// Topic is where e is published.
func (e *Event) Topic() string { return TopicEvent + e.Role + "/" + e.Name + "/" }

// Offer tells a queue with free slots that jobs wait here, so that it need not
// learn it from the next state. With nothing waiting it answers a Take that
// found less than it asked for: no slot need be kept for the rest.
type Offer struct {
	Giver    Incarnation `json:"giver"`
	Number   uint64      `json:"number"` // +1 each Offer of this giver: one that comes by two coordinators counts once
	Function string      `json:"function"`
	Waiting  int         `json:"waiting"`
}

// Take asks a queue for waiting jobs. It carries no bodies: the giver asks
// each job's broker to send its own copy to the taker.
type Take struct {
	Taker     Incarnation `json:"taker"`
	TakerName string      `json:"taker_name"`
	Number    uint64      `json:"number"` // +1 each Take of this taker: one that comes by two coordinators counts once
	Function  string      `json:"function"`
	Count     int         `json:"count"`
}

// Aged is a published value and how long ago the coordinator got it.
type Aged[T any] struct {
	AgeMillis int64 `json:"age_ms"`
	Value     T     `json:"value"`
}

// Snapshot is the last value of each publisher, sent to whoever subscribes.
type Snapshot struct {
	Coordinator Member         `json:"coordinator"`
	States      []Aged[State]  `json:"states"`
	Details     []Aged[Detail] `json:"details"`
	Catalogues  []Published    `json:"catalogues,omitempty"`
}

// Published is a catalogue and the topic on which it was published, which names
// its registrar.
type Published struct {
	Topic string    `json:"topic"`
	Value Catalogue `json:"value"`
}

// History is the last events that a coordinator has passed on, oldest first,
// each an Event as it was published.
type History struct {
	Events []json.RawMessage `json:"events"`
}

// What a Command can ask for.
const (
	VerbCrash   = "crash"   // a queue, broker or coordinator: die as by SIGKILL
	VerbKill    = "kill"    // a queue: have Worker die as by SIGKILL; a supervisor: kill its process PID
	VerbDrain   = "drain"   // a queue: have Worker finish what it has and leave
	VerbUndrain = "undrain" // a queue: take that back
	VerbJob     = "job"     // a queue or broker: tell of Job
	VerbLogs    = "logs"    // a queue: tell what Function has printed at Worker
	VerbScale   = "scale"   // a supervisor: keep Count workers
	VerbHold    = "hold"    // a supervisor: start no worker for Millis; 0 ends it
)

// Command asks one member to do something. It may come more than once, and is
// carried out once and answered each time.
type Command struct {
	ID       Incarnation `json:"id"` // random
	ReplyTo  Incarnation `json:"reply_to"`
	By       string      `json:"by"` // who asks, for events
	Verb     string      `json:"verb"`
	Worker   string      `json:"worker,omitempty"` // WorkerDetail.ID
	Job      string      `json:"job,omitempty"`
	Function string      `json:"function,omitempty"`
	Since    uint64      `json:"since,omitempty"` // of logs: the last line that is known
	PID      int         `json:"pid,omitempty"`
	Count    int         `json:"count,omitempty"`
	Millis   int64       `json:"millis,omitempty"`
	Expires  int64       `json:"expires_ms"` // Unix time, ms, by which nobody waits for it any more; 0 never
}

// Reply says what became of a Command.
type Reply struct {
	Command Incarnation `json:"command"`
	Role    string      `json:"role"`
	Name    string      `json:"name"`
	OK      bool        `json:"ok"`
	Text    string      `json:"text"`              // what is being done, or why it is not
	Foreign bool        `json:"foreign,omitempty"` // Worker is another's program: to be killed, it was disconnected; drained, it is given no more and does not end by itself
	Job     *JobDetail  `json:"job,omitempty"`
	Logs    *LogLines   `json:"logs,omitempty"`

	Later   bool     `json:"-"`                 // of who carries out a command: the reply is not known yet
	Request *Preview `json:"request,omitempty"` // of Job, from who has its body
}

// CatalogueTopic is where the registrar publishes its catalogue.
func CatalogueTopic(m *Member) string { return memberTopic(TopicCatalogue, m) }

func memberTopic(kind string, m *Member) string {
	return kind + m.Role + "/" + m.Name + "/" + m.Incarnation.String() + "/"
}

// OfferTopic is where Offers for the queue of that incarnation are published.
func OfferTopic(receiver Incarnation) string { return TopicOffer + receiver.String() + "/" }

// TakeTopic is where Takes for the queue of that incarnation are published.
func TakeTopic(giver Incarnation) string { return TopicTake + giver.String() + "/" }

// SnapshotTopic is private to the subscriber with that token.
func SnapshotTopic(token Incarnation) string { return TopicSnapshot + token.String() + "/" }

// HistoryTopic is private to the subscriber with that token.
func HistoryTopic(token Incarnation) string { return TopicHistory + token.String() + "/" }

// CommandTopic is where Commands to the member of that incarnation are published.
func CommandTopic(receiver Incarnation) string { return TopicCommand + receiver.String() + "/" }

// ReplyTopic is private to the asker with that token.
func ReplyTopic(token Incarnation) string { return TopicReply + token.String() + "/" }

// JobTopic is where a broker publishes for one incarnation of a queue.
func JobTopic(queue string, inc Incarnation) string { return queue + "/" + inc.String() + "/" }

// ParseJobTopic reads what JobTopic wrote.
func ParseJobTopic(topic string) (queue string, inc Incarnation, err error) {
	parts := strings.Split(topic, "/")
	if len(parts) != 3 || parts[2] != "" || !ValidName(parts[0]) {
		return "", 0, fmt.Errorf("%w: topic %.120q, want name/incarnation/", ErrMalformed, topic)
	}
	inc, err = ParseIncarnation(parts[1])
	return parts[0], inc, err
}

// EncodeBus gives the two frames of a bus message.
func EncodeBus(topic string, v any) [][]byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("wire: bus values are plain data: " + err.Error())
	}
	return [][]byte{[]byte(topic), b}
}

// DecodeBus reads the JSON frame of a bus message into v.
func DecodeBus(frames [][]byte, v any) error {
	if len(frames) != 2 {
		return fmt.Errorf("%w: %d frames on the bus, want topic and value", ErrMalformed, len(frames))
	}
	return DecodeJSON(frames[1], v)
}

// DecodeJSON reads the body of a HELLO or a bus value.
func DecodeJSON(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nil
}
