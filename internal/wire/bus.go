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
	TopicState    = "state/"    // + role/name/incarnation/ : State
	TopicDetail   = "detail/"   // + role/name/incarnation/ : Detail
	TopicEvent    = "event/"    // + role/name/ : Event
	TopicOffer    = "offer/"    // + receiver's incarnation/ : Offer
	TopicTake     = "take/"     // + giver's incarnation/ : Take
	TopicSnapshot = "snapshot/" // + subscriber's token/ : Snapshot
)

// Roles as named on the bus and on the command line.
const (
	RoleFrontend    = "frontend"
	RoleBroker      = "broker"
	RoleQueue       = "queue"
	RoleCoordinator = "coordinator"
	RoleWorker      = "worker"
)

// Member is who somebody is: the body of a HELLO, and part of a State.
type Member struct {
	Role        string            `json:"role"`
	Name        string            `json:"name"`
	Incarnation Incarnation       `json:"incarnation"`
	Host        string            `json:"host,omitempty"`
	PID         int               `json:"pid,omitempty"`
	Version     string            `json:"version,omitempty"`
	Endpoints   map[string]string `json:"endpoints,omitempty"` // link name → where others reach it

	Functions []string `json:"functions,omitempty"` // a worker's
	Slots     int      `json:"slots,omitempty"`     // a worker's: jobs it runs at a time
	Jobs      []JobID  `json:"jobs,omitempty"`      // a worker's: those it has
	Workers   int      `json:"workers,omitempty"`   // a queue's: how many have joined
}

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
	Draining  bool   `json:"draining,omitempty"`
	Left      bool   `json:"left,omitempty"`      // the last state of this incarnation: it has stopped in order
	Malformed uint64 `json:"malformed,omitempty"` // messages that did not decode, since it started

	Queue    *QueueState    `json:"queue,omitempty"`
	Broker   *BrokerState   `json:"broker,omitempty"`
	Frontend *FrontendState `json:"frontend,omitempty"`
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
	Done      uint64                   `json:"done"`    // results sent on, since it started
	Moved     uint64                   `json:"moved"`   // jobs given to other queues
	Taken     uint64                   `json:"taken"`   // jobs taken from other queues
}

// FunctionState is one function's part of a queue. A worker with several
// functions counts its free slots in each.
type FunctionState struct {
	Workers int   `json:"workers"`
	Free    int   `json:"free"`
	Waiting int   `json:"waiting"`
	Running int   `json:"running"`
	Oldest  int64 `json:"oldest_ms"` // age of the oldest waiting job, ms
}

// BrokerState is what operators see of a broker.
type BrokerState struct {
	Queues   []string `json:"queues"`  // routable ones, in ring order
	Holding  int      `json:"holding"` // jobs accepted and not yet answered
	Unrouted int      `json:"unrouted"`
	Accepted uint64   `json:"accepted"`
	Answered uint64   `json:"answered"`
}

// FrontendState is what operators see of a frontend.
type FrontendState struct {
	HTTP     string `json:"http"`
	Open     int    `json:"open"`     // requests waiting for their answer
	Accepted uint64 `json:"accepted"` // requests a broker had room for
	Answered uint64 `json:"answered"`
	Refused  uint64 `json:"refused"`
}

// Detail is what is published only while somebody watches.
type Detail struct {
	Role        string         `json:"role"`
	Name        string         `json:"name"`
	Incarnation Incarnation    `json:"incarnation"`
	Sequence    uint64         `json:"sequence"`
	Workers     []WorkerDetail `json:"workers"`
}

// Topic is where d is published.
func (d *Detail) Topic() string {
	return memberTopic(TopicDetail, &Member{Role: d.Role, Name: d.Name, Incarnation: d.Incarnation})
}

// States of a worker as its queue sees it.
const (
	WorkerUp       = "up"
	WorkerDraining = "draining"
	WorkerLost     = "lost"
)

// WorkerDetail is one worker of a queue.
type WorkerDetail struct {
	Name        string   `json:"name"`
	Incarnation string   `json:"incarnation,omitempty"` // empty for workers without one (REQ)
	Kind        string   `json:"kind"`                  // "native" or "req"
	Host        string   `json:"host,omitempty"`
	PID         int      `json:"pid,omitempty"`
	State       string   `json:"state"`
	Reason      string   `json:"reason,omitempty"` // of "lost"
	Functions   []string `json:"functions"`
	Slots       int      `json:"slots"`
	Running     int      `json:"running"`
	Done        uint64   `json:"done"`
	HeardMillis int64    `json:"heard_ms"` // since its last sign of life
}

// Levels of an event.
const (
	LevelInfo = "info"
	LevelWarn = "warn"
)

// Event is something that happened, published only while somebody watches.
type Event struct {
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
}

func memberTopic(kind string, m *Member) string {
	return kind + m.Role + "/" + m.Name + "/" + m.Incarnation.String() + "/"
}

// OfferTopic is where Offers for the queue of that incarnation are published.
func OfferTopic(receiver Incarnation) string { return TopicOffer + receiver.String() + "/" }

// TakeTopic is where Takes for the queue of that incarnation are published.
func TakeTopic(giver Incarnation) string { return TopicTake + giver.String() + "/" }

// SnapshotTopic is private to the subscriber with that token.
func SnapshotTopic(token Incarnation) string { return TopicSnapshot + token.String() + "/" }

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
