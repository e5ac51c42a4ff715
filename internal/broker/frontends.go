package broker

import (
	"fmt"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// maxPeers bounds the frontends, and the queues, of one broker.
const maxPeers = 1024

// frontend is one incarnation of a frontend that talks to us.
type frontend struct {
	*job.Acceptor
	member wire.Member
	jobs   map[wire.JobID]*entry
	state  uint8     // see frontendStates
	before *job.Link // the link before the present one
	sweep  role.Time // when jobs of an earlier link that were not sent again are dropped; 0 never
}

func (m *Machine) fromFrontend(now role.Time, msg *wire.Message) error {
	f := m.frontends[msg.Sender]
	if f == nil {
		if msg.Type != wire.TypeHello {
			return nil // of a link that is over; the next HELLO settles it
		}
		var err error
		if f, err = m.meetFrontend(now, msg); err != nil {
			return err
		}
	}
	switch f.Receive(now, msg) {
	case job.Up:
		m.paths.frontends.Step(&f.state, met)
		m.dropUnclaimed(now, f, f.before) // each link may fill a window
		f.before, f.sweep = f.Link(), now+job.LostAfter
	case job.Down:
		m.frontendGone(now, f, msg.Meta.Reason)
		return nil
	case job.Fresh:
		switch msg.Type {
		case wire.TypeJob:
			m.accept(now, f, msg)
		case wire.TypeCancel:
			m.cancel(now, f, msg)
		default:
			return fmt.Errorf("%w: %s from a frontend", wire.ErrMalformed, msg.Type)
		}
	}
	if f.Poll(now) == job.Down {
		m.frontendGone(now, f, f.Why())
		return nil
	}
	m.timer.By(now, f.Wake())
	return nil
}

// meetFrontend dials a frontend that announces itself for the first time.
func (m *Machine) meetFrontend(now role.Time, hello *wire.Message) (*frontend, error) {
	if len(m.frontends) >= maxPeers {
		return nil, fmt.Errorf("%w: HELLO of one frontend more than %d", wire.ErrMalformed, maxPeers)
	}
	f := &frontend{jobs: make(map[wire.JobID]*entry)}
	if err := wire.DecodeJSON(hello.Body, &f.member); err != nil {
		return nil, err
	}
	endpoint := f.member.Endpoints["replies"]
	if f.member.Role != wire.RoleFrontend || f.member.Incarnation != hello.Sender || !wire.ValidName(f.member.Name) || endpoint == "" {
		return nil, fmt.Errorf("%w: HELLO of %s %.80q on the frontends' socket", wire.ErrMalformed, f.member.Role, f.member.Name)
	}
	to := role.Packet{Link: LinkReplies, Peer: hello.Sender.String()}
	m.Emit(role.Effect{Op: role.OpDial, Packet: to, Endpoint: endpoint})
	f.Acceptor = job.NewAcceptor(m.me, hello.Sender, m.cfg.Window, now, func(frames [][]byte) {
		to.Frames = frames
		m.Emit(role.Effect{Op: role.OpSend, Packet: to, Batch: true})
	})
	if m.draining {
		f.Drain(now)
	}
	m.frontends[hello.Sender] = f
	m.cfg.Log.Info("frontend joined", "frontend", f.member.Name, "endpoint", endpoint)
	return f, nil
}

// awaits reports whether a job's result is on its way by the present link: it
// was sent when the frontend did not know the link yet.
func (f *frontend) awaits(id wire.JobID) bool {
	return slices.ContainsFunc(f.Link().Unacknowledged(), func(m *wire.Message) bool {
		return m.Type == wire.TypeResult && m.Job == id
	})
}

// frontendGone drops a frontend and its jobs: nobody waits for them.
func (m *Machine) frontendGone(now role.Time, f *frontend, why string) {
	m.cfg.Log.Info("frontend gone", "frontend", f.member.Name, "why", why, "jobs_dropped", len(f.jobs))
	m.dropAll(now, f)
	delete(m.frontends, f.Peer)
	if f.state != absent { // else it never had a link
		m.paths.frontends.Step(&f.state, absent)
	}
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkReplies, Peer: f.Peer.String()}})
}

// forgetUnclaimed drops the jobs of an earlier link which the frontend has not
// sent again by the present one.
func (m *Machine) forgetUnclaimed(now role.Time, f *frontend) {
	if f.sweep == 0 || now < f.sweep {
		return
	}
	f.sweep = 0
	m.dropUnclaimed(now, f, f.Link())
}

// dropUnclaimed drops a frontend's jobs that were not sent by the present link,
// nor by one more.
func (m *Machine) dropUnclaimed(now role.Time, f *frontend, nor *job.Link) {
	for _, e := range role.InOrderFunc(f.jobs, wire.JobID.Compare) {
		if e.credit != f.Link() && e.credit != nor {
			m.drop(now, e)
		}
	}
}

func (m *Machine) dropAll(now role.Time, f *frontend) {
	for _, e := range role.InOrderFunc(f.jobs, wire.JobID.Compare) {
		m.drop(now, e)
	}
}
