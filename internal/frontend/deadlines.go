package frontend

import (
	"container/heap"
	"strings"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// deadlines is a heap of requests, the next to run out in front.
type deadlines []*request

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline < d[j].deadline }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *deadlines) Push(x any) {
	r := x.(*request)
	r.index = len(*d)
	*d = append(*d, r)
}

func (d *deadlines) Pop() any {
	old := *d
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return r
}

var _ heap.Interface = (*deadlines)(nil)

// expire answers the requests whose time has run out.
func (m *Machine) expire(now role.Time) {
	if len(m.deadlines) == 0 || now < m.deadlines[0].deadline {
		return
	}
	served := m.bus.View.Functions(now)
	for len(m.deadlines) > 0 && now >= m.deadlines[0].deadline {
		r := m.deadlines[0]
		m.cancel(now, r)
		m.failed++
		m.count(now, r, wire.CodeExpired)
		r.answer(Answer{Code: wire.CodeExpired, Reason: m.inVain(now, r.msg.Meta.Function, served)})
	}
}

// inVain says that no worker serves a function, as far as queues tell, and which
// to start; "" if some do, or no coordinator tells of queues.
func (m *Machine) inVain(now role.Time, name string, served map[string]wire.FunctionState) string {
	switch {
	case served[name].Workers > 0 || m.bus.Alone():
		return ""
	case !m.queueHeard(now):
		return "no queue is heard, and so no worker; see that one runs"
	}
	var labels string
	if d := m.deployed[name]; d != nil {
		if v := d.Version(d.Current); v != nil {
			labels = strings.Join(v.Labels, ",")
		}
	}
	if labels == "" {
		return "no worker serves " + name + "; start one that does"
	}
	return "no worker with the label " + labels + " serves " + name + "; start one with it: faasd worker --label " + labels +
		", and the same --broker as this system's other workers"
}

func (m *Machine) queueHeard(now role.Time) bool {
	for range m.bus.View.Live(now, wire.RoleQueue) {
		return true
	}
	return false
}
