package broker

import (
	"fmt"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// queue is one incarnation of a queue that talks to us.
type queue struct {
	*job.Acceptor
	member   wire.Member
	topic    string
	draining bool
	routable bool                  // stands in the rings
	state    uint8                 // see queueStates
	jobs     map[wire.JobID]*entry // what it holds for us
	shares   job.Shares            // of jobs
	pending  []role.Time           // workers sent there and not yet reported by it
	asked    bool                  // for the jobs that are looked for, by the present link
	found    []*entry              // those that it has and is to be given; see search.at
}

func (m *Machine) fromQueue(now role.Time, msg *wire.Message) error {
	q := m.queues[msg.Sender]
	if q == nil {
		if msg.Type != wire.TypeHello {
			return nil // of a link that is over; the next HELLO settles it
		}
		var err error
		if q, err = m.meetQueue(now, msg); err != nil {
			return err
		}
	}
	switch event := q.Receive(now, msg); {
	case event == job.Up:
		q.asked = false
		m.checkRoutable(now, q) // not before it has confirmed the new link
		m.rehomeAll(now, q)
	case event == job.Down:
		m.cfg.Log.Info("queue left", "queue", q.member.Name, "jobs_rehomed", len(q.jobs))
		m.event(now, wire.LevelInfo, "queue-left", fmt.Sprintf("%s left; %s given to others", q.member.Name, wire.Plural(len(q.jobs), "job")))
		m.dropQueue(now, q)
		return nil
	case event == job.Fresh:
		if err := m.fromQueueFresh(now, q, msg); err != nil {
			return err
		}
	case msg.Type == wire.TypeHello:
		q.heardHello(msg)
	}
	m.checkRoutable(now, q)
	if !q.asked {
		m.askAll(now, q)
	}
	if q.Poll(now) == job.Down {
		m.queueLost(now, q)
		return nil
	}
	m.takeFound(now, q)
	m.timer.By(now, q.Wake())
	m.routeWaiting(now)
	return nil
}

func (m *Machine) fromQueueFresh(now role.Time, q *queue, msg *wire.Message) error {
	switch msg.Type {
	case wire.TypeResult:
		m.result(now, q, msg)
	case wire.TypeMove:
		m.move(now, q, msg)
	case wire.TypeHave:
		m.answeredAsk(now, q, msg)
	case wire.TypeAttempt:
		m.attempted(now, msg)
	default:
		return fmt.Errorf("%w: %s from a queue", wire.ErrMalformed, msg.Type)
	}
	return nil
}

// meetQueue takes up a queue that announces itself for the first time.
func (m *Machine) meetQueue(now role.Time, hello *wire.Message) (*queue, error) {
	if len(m.queues) >= maxPeers {
		return nil, fmt.Errorf("%w: HELLO of one queue more than %d", wire.ErrMalformed, maxPeers)
	}
	q := &queue{jobs: make(map[wire.JobID]*entry)}
	if err := wire.DecodeJSON(hello.Body, &q.member); err != nil {
		return nil, err
	}
	if q.member.Role != wire.RoleQueue || q.member.Incarnation != hello.Sender || !wire.ValidName(q.member.Name) || q.member.Endpoints["workers"] == "" {
		return nil, fmt.Errorf("%w: HELLO of %s %.80q on the queues' socket", wire.ErrMalformed, q.member.Role, q.member.Name)
	}
	q.topic = wire.JobTopic(q.member.Name, hello.Sender)
	topic := []byte(q.topic)
	q.Acceptor = job.NewAcceptor(m.me, hello.Sender, job.Window{Count: 1 << 40, Bytes: 1 << 60}, now, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{
			Link: LinkJobs, Frames: slices.Concat([][]byte{topic}, frames),
		}, Batch: true})
	})
	m.queues[hello.Sender] = q
	m.look(q)
	m.cfg.Log.Debug("queue announced itself", "queue", q.member.Name, "workers_at", q.member.Endpoints["workers"])
	return q, nil
}

// heardHello takes over what a HELLO says anew.
func (q *queue) heardHello(hello *wire.Message) {
	q.draining = hello.Flags&wire.FlagDraining != 0
	var member wire.Member
	if wire.DecodeJSON(hello.Body, &member) != nil {
		return
	}
	if joined := member.Placed() - q.member.Placed(); joined > 0 {
		q.pending = q.pending[min(joined, len(q.pending)):]
	}
	q.member.Workers, q.member.Pinned = member.Workers, member.Pinned
}

// subscription follows who listens for jobs: \x01topic begins, \x00topic ends.
// After a reconnect the new one begins before the old one's end is noticed.
func (m *Machine) subscription(now role.Time, frames [][]byte) error {
	f := frames[0]
	if len(frames) != 1 || len(f) < 2 || f[0] > 1 {
		return fmt.Errorf("%w: not a subscription", wire.ErrMalformed)
	}
	topic := string(f[1:])
	_, inc, err := wire.ParseJobTopic(topic)
	if err != nil {
		return err
	}
	if f[0] == 1 {
		if len(m.byTopic) >= 4*maxPeers {
			return fmt.Errorf("%w: more than %d topics subscribed", wire.ErrMalformed, 4*maxPeers)
		}
		m.byTopic[topic]++
	} else if m.byTopic[topic]--; m.byTopic[topic] <= 0 {
		delete(m.byTopic, topic)
	}
	if q := m.queues[inc]; q != nil {
		m.checkRoutable(now, q)
		m.routeWaiting(now)
	}
	return nil
}

// checkRoutable puts a queue into the rings while it can be given jobs: it has
// announced itself, knows our link, is subscribed, and does not drain.
func (m *Machine) checkRoutable(now role.Time, q *queue) {
	want := m.queues[q.Peer] == q && q.Ready() && m.byTopic[q.topic] > 0 && !q.draining
	if want == q.routable {
		return
	}
	q.routable = want
	m.look(q)
	m.bus.Changed()
	m.timer.By(now, m.bus.Wake())
	if want {
		m.requests.Add(q.member.Name, q)
		m.places.Add(q.member.Name, q)
		m.cfg.Log.Info("queue takes jobs", "queue", q.member.Name)
		m.event(now, wire.LevelInfo, "queue-joined", q.member.Name+" takes jobs")
		return
	}
	m.requests.Remove(q)
	m.places.Remove(q)
	m.cfg.Log.Info("queue takes no more jobs", "queue", q.member.Name)
}

// queueLost gives up a queue that has been silent too long, or takes nothing in.
func (m *Machine) queueLost(now role.Time, q *queue) {
	m.cfg.Log.Warn("queue lost", "queue", q.member.Name, "why", q.Why(), "jobs_rehomed", len(q.jobs))
	m.event(now, wire.LevelWarn, "queue-lost", fmt.Sprintf("%s lost (%s); %s given to others", q.member.Name, q.Why(), wire.Plural(len(q.jobs), "job")))
	m.dropQueue(now, q)
}

// dropQueue takes a queue out and gives its jobs to others.
func (m *Machine) dropQueue(now role.Time, q *queue) {
	delete(m.queues, q.Peer)
	m.lostQueue = now
	m.checkRoutable(now, q)
	m.look(q)
	m.foundIsLost(now, q)
	m.rehomeAll(now, q)
}
