package frontend

import "faasd/internal/role"

// await keeps a request until some broker has room for it.
func (m *Machine) await(r *request) {
	m.paths.requests.Step(&r.state, homeless)
	r.place = m.homeless.Push(r.msg.Meta.Function, r)
	m.awaiting.Add(r.msg.Meta.Function, r.msg.Size())
}

func (m *Machine) awaitNoMore(r *request) {
	if r.place != nil {
		m.homeless.Remove(r.place)
		m.awaiting.Remove(r.msg.Meta.Function, r.msg.Size())
		r.place = nil
	}
}

// rehouse finds brokers for requests that wait for one.
func (m *Machine) rehouse(now role.Time) {
	m.homeless.Serve(func(r *request) bool {
		if !m.send(now, r) {
			return false
		}
		m.awaitNoMore(r)
		return true
	})
}
