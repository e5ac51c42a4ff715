package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// repeatEvery is how long a command waits for its reply before it is sent again.
const repeatEvery = 500 * time.Millisecond

// ErrRefused: whoever was asked has answered that it does not do it.
var ErrRefused = errors.New("refused")

// Stage is how far a command has come.
type Stage string

// The stages of a command, in this order. A drain that is not waited for ends
// with Acknowledged.
const (
	Asked        Stage = "asked"
	Acknowledged Stage = "acknowledged"
	Gone         Stage = "gone"
	Done         Stage = "done"
)

// Progress is told of each stage that a command reaches.
type Progress struct {
	Stage Stage         `json:"stage"`
	Text  string        `json:"text"` // what is known, for people
	Took  time.Duration `json:"-"`    // since it was asked
}

// by is who asks, for the events of all who watch.
func by() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// ask sends a command to one member, again and again until it replies, and
// returns its reply: it is carried out once, and not when nobody waits any more.
// A reply that is not OK is an error that wraps ErrRefused.
func (o *Operator) ask(ctx context.Context, name string, to wire.Incarnation, c wire.Command) (wire.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askFor, fmt.Errorf("not within %s", askFor))
	defer cancel()
	if ctx.Err() != nil {
		return wire.Reply{}, fmt.Errorf("%s was not asked: %w", name, context.Cause(ctx))
	}
	c.ID, c.ReplyTo, c.By = wire.NewIncarnation(), o.watcher.token, o.by
	topic := wire.CommandTopic(to)
	o.turn(func(role.Time) { o.watcher.replies[c.ID] = nil })
	defer o.turn(func(role.Time) { delete(o.watcher.replies, c.ID) })
	var reply wire.Reply
	var next role.Time
	var sent bool
	var mixed error
	err := o.poll(ctx, func(now role.Time) bool {
		w := o.watcher
		if mixed = w.mixed(); mixed != nil {
			return true
		}
		if r := w.replies[c.ID]; r != nil {
			reply = *r
			return true
		}
		if now >= next && w.agent.Heard(topic) {
			c.Expires = time.Now().Add(repeatEvery).UnixMilli() // until it is said again
			w.agent.Send(wire.EncodeBus(topic, c))
			sent, next = true, now+repeatEvery
		}
		// Who was asked to die may have taken its reply along.
		if e := w.agent.View.Get(to); sent && c.Verb == wire.VerbCrash && (e == nil || e.Stale(now)) {
			reply = wire.Reply{OK: true, Text: "has gone without a word"}
			return true
		}
		return false
	})
	switch {
	case mixed != nil:
		return reply, mixed
	case err != nil && sent:
		return reply, fmt.Errorf("%s has not acknowledged: %w; it may be hung, or cut off, and may still do it within %s", name, err, lateness)
	case err != nil:
		return reply, fmt.Errorf("no coordinator passes commands on to %s: %w; it may have ended, or be of another version", name, err)
	case !reply.OK:
		return reply, fmt.Errorf("%w by %s: %s", ErrRefused, name, reply.Text)
	}
	return reply, nil
}

const (
	// askFor is how long an acknowledgement is waited for at most.
	askFor = 10 * time.Second
	// lateness is how much later members carry a command out: their clocks may differ.
	lateness = cluster.Lateness
)

// course tells of a command's stages.
type course struct {
	began time.Time
	tell  func(Progress)
}

func begin(tell func(Progress), text string) course {
	c := course{time.Now(), tell}
	c.reached(Asked, text)
	return c
}

func (c course) reached(s Stage, text string) { c.tell(Progress{s, text, time.Since(c.began)}) }

// Kill has a worker die as by SIGKILL, and waits until its queue has noticed. A
// worker that is not ours to kill is disconnected. A child of `faasd up` is
// killed by its parent as well, in case it does not run. One that goes to
// another queue meanwhile is killed there.
func (o *Operator) Kill(ctx context.Context, w Worker, tell func(Progress)) error {
	c := begin(tell, "asking "+w.Queue+" to kill "+w.Name)
	return o.chase(ctx, c, w, wire.VerbKill, func(reply wire.Reply) error {
		s, ok := parent(o.Picture(), w)
		if !ok || reply.Foreign {
			return nil
		}
		_, err := o.ask(ctx, s.Name, s.Incarnation, wire.Command{Verb: wire.VerbKill, PID: w.PID})
		if errors.Is(err, ErrRefused) { // it has ended already
			return nil
		}
		return err
	})
}

// chase asks a worker's queue to do something that ends with the worker's being
// gone, and waits for that. If the worker is at another queue then, it asks that.
func (o *Operator) chase(ctx context.Context, c course, w Worker, verb string, asked func(wire.Reply) error) error {
	for {
		reply, err := o.ask(ctx, w.Queue, w.QueueIncarnation, wire.Command{Verb: verb, Worker: w.ID})
		if err != nil {
			return err
		}
		c.reached(Acknowledged, reply.Text)
		if verb == wire.VerbDrain && reply.Foreign {
			return nil // whoever has started it ends it
		}
		if err := asked(reply); err != nil {
			return err
		}
		end, err := o.awaitGone(ctx, w)
		switch {
		case err != nil:
			return err
		case end.lost && verb == wire.VerbDrain:
			return fmt.Errorf("%s was %s before it had left; if it comes back it takes jobs", w.Name, end.text)
		case end.gone:
			c.reached(Gone, end.text)
			return nil
		}
		w = end.at
		c.reached(Asked, "it is at "+w.Queue+" now; asking there")
	}
}

// parent finds the supervisor whose child a worker is.
func parent(p Picture, w Worker) (Part, bool) {
	for _, s := range p.Supervisors {
		if s.Host == w.Host && s.Supervisor != nil && slices.Contains(s.Supervisor.PIDs, w.PID) {
			return s, true
		}
	}
	return Part{}, false
}

// Drain has a worker finish what it runs and leave. If wait is set, it returns
// when the worker has left; a foreign one that does not end by itself is not
// waited for.
func (o *Operator) Drain(ctx context.Context, w Worker, wait bool, tell func(Progress)) error {
	c := begin(tell, "asking "+w.Queue+" to drain "+w.Name)
	if wait {
		return o.chase(ctx, c, w, wire.VerbDrain, func(wire.Reply) error { return nil })
	}
	reply, err := o.ask(ctx, w.Queue, w.QueueIncarnation, wire.Command{Verb: wire.VerbDrain, Worker: w.ID})
	if err == nil {
		c.reached(Acknowledged, reply.Text)
	}
	return err
}

// Undrain takes a drain back, and waits until the worker takes jobs again, or
// turns out to have left.
func (o *Operator) Undrain(ctx context.Context, w Worker, tell func(Progress)) error {
	c := begin(tell, "asking "+w.Queue+" to give "+w.Name+" jobs again")
	reply, err := o.ask(ctx, w.Queue, w.QueueIncarnation, wire.Command{Verb: wire.VerbUndrain, Worker: w.ID})
	if err != nil {
		return err
	}
	c.reached(Acknowledged, reply.Text)
	stays := false
	var end whereabouts
	if _, err := o.Until(ctx, func(p Picture) bool {
		stays = slices.ContainsFunc(p.Workers, func(at Worker) bool { return w.Same(at) && at.State == wire.WorkerUp })
		end = look(p, w)
		return stays || end.gone
	}); err != nil {
		return fmt.Errorf("%s has not said that it stays: %w", w.Name, err)
	}
	if !stays {
		return fmt.Errorf("%s does not stay: it has %s", w.Name, end.text)
	}
	c.reached(Done, "it takes jobs again")
	return nil
}

// Crash has a queue, broker or coordinator die as by SIGKILL, and waits until
// that incarnation is gone.
func (o *Operator) Crash(ctx context.Context, what Part, tell func(Progress)) error {
	c := begin(tell, "asking "+what.Name+" to die")
	before := o.Picture()
	reply, err := o.ask(ctx, what.Name, what.Incarnation, wire.Command{Verb: wire.VerbCrash})
	if err != nil {
		return err
	}
	c.reached(Acknowledged, reply.Text)
	var text string
	_, err = o.Until(ctx, func(p Picture) (gone bool) {
		text, gone = ended(p, what, before)
		return gone
	})
	if err != nil {
		return fmt.Errorf("%s is not known to be gone: %w", what.Name, err)
	}
	c.reached(Gone, text)
	return nil
}

// ended reports whether a part is known to be gone, and how that is known. A
// part that came after the picture before, by the same name, has taken its place.
func ended(p Picture, what Part, before Picture) (text string, gone bool) {
	there := func(p Picture, inc wire.Incarnation) bool {
		return slices.ContainsFunc(allParts(p), func(o Part) bool { return o.Incarnation == inc && o.State != cluster.StateLost })
	}
	others := false
	for _, o := range allParts(p) {
		if o.Name == what.Name && o.Incarnation != what.Incarnation && o.State != cluster.StateLost && !there(before, o.Incarnation) {
			return "and has come back as " + o.Incarnation.String(), true
		}
		others = others || o.State != cluster.StateLost
	}
	// If nobody is heard it may be our own connection, unless it was the
	// coordinator through which all are heard.
	own := slices.ContainsFunc(p.Coordinators, func(o Part) bool { return o.Incarnation == what.Incarnation })
	return "not heard any more", !there(p, what.Incarnation) && (others || own)
}

func allParts(p Picture) []Part {
	return slices.Concat(p.QueueParts(), p.Brokers, p.Coordinators, p.Frontends)
}

// Scale has the supervisor of a `faasd up` keep n workers, and waits until as
// many run and have joined a queue.
func (o *Operator) Scale(ctx context.Context, s Part, n int, tell func(Progress)) error {
	c := begin(tell, fmt.Sprintf("asking %s to keep %s", s.Name, wire.Plural(n, "worker")))
	reply, err := o.ask(ctx, s.Name, s.Incarnation, wire.Command{Verb: wire.VerbScale, Count: n})
	if err != nil {
		return err
	}
	c.reached(Acknowledged, reply.Text)
	running, joined := 0, 0
	_, err = o.Until(ctx, func(p Picture) bool {
		i := slices.IndexFunc(p.Supervisors, func(o Part) bool { return o.Incarnation == s.Incarnation })
		if i < 0 || p.Supervisors[i].Supervisor == nil {
			return false
		}
		pids := p.Supervisors[i].Supervisor.PIDs
		running, joined = len(pids), 0
		for _, w := range p.Workers {
			if w.State == wire.WorkerUp && w.Host == s.Host && slices.Contains(pids, w.PID) {
				joined++
			}
		}
		return running == n && joined == n
	})
	if err != nil {
		return fmt.Errorf("%s there, of which joined: %d; wanted: %d; %w", wire.Plural(running, "worker"), joined, n, err)
	}
	c.reached(Done, fmt.Sprintf("%s there, all joined", wire.Plural(n, "worker")))
	return nil
}

// Hold has the supervisor of a `faasd up` start no worker for a while; 0 ends that.
func (o *Operator) Hold(ctx context.Context, s Part, d time.Duration) error {
	_, err := o.ask(ctx, s.Name, s.Incarnation, wire.Command{Verb: wire.VerbHold, Millis: d.Milliseconds()})
	return err
}

// JobAt is what one queue or broker says of a job.
type JobAt struct {
	Role string          `json:"role"`
	Name string          `json:"name"`
	Text string          `json:"text"`
	Job  *wire.JobDetail `json:"job"`

	Request *wire.Preview `json:"request,omitempty"` // from who has its body
}

// Job asks every broker and queue about a job, and returns what those say that
// know it. Those that do not answer in time are named in the error.
func (o *Operator) Job(ctx context.Context, id string) ([]JobAt, error) {
	if _, err := wire.ParseJobID(id); err != nil {
		return nil, err
	}
	p := o.Picture()
	parts := slices.Concat(p.Brokers, p.QueueParts())
	answers := make([]JobAt, len(parts))
	errs := make([]error, len(parts))
	done := make(chan struct{})
	asked := 0
	for i, part := range parts {
		if part.State == cluster.StateLost {
			continue
		}
		asked++
		go func() {
			defer func() { done <- struct{}{} }()
			reply, err := o.ask(ctx, part.Name, part.Incarnation, wire.Command{Verb: wire.VerbJob, Job: id})
			if err != nil && !errors.Is(err, ErrRefused) {
				errs[i] = err
			}
			answers[i] = JobAt{reply.Role, reply.Name, reply.Text, reply.Job, reply.Request}
		}()
	}
	for range asked {
		<-done
	}
	return slices.DeleteFunc(answers, func(a JobAt) bool { return a.Job == nil }), errors.Join(errs...)
}

// Begun returns how often coordinators have told of the whole: more than there
// are coordinators means that some were lost and are heard again.
func (o *Operator) Begun() (n int) {
	o.turn(func(role.Time) { n = o.watcher.agent.Snapshots() })
	return n
}

// PastKnown reports whether a coordinator has told of what happened before.
func (o *Operator) PastKnown() (known bool) {
	o.turn(func(role.Time) { known = o.watcher.told })
	return known
}

// Events returns the events that are known from the one numbered from on, and
// the number of the next. The first call begins with 0.
func (o *Operator) Events(from int) (events []Event, next int) {
	o.turn(func(role.Time) {
		w := o.watcher
		w.read = true
		events = slices.Clone(w.events[min(max(from-w.dropped, 0), len(w.events)):])
		next = w.dropped + len(w.events)
	})
	return events, next
}
