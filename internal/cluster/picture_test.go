package cluster

import (
	"strings"
	"testing"

	"faasd/internal/wire"
)

func TestPictureShowsTheOldestJobsOfQueuesThatLive(t *testing.T) {
	var v View
	detail := func(inc wire.Incarnation, jobs ...wire.JobDetail) {
		v.Detail(wire.Detail{Role: wire.RoleQueue, Incarnation: inc, Sequence: 1, Jobs: jobs})
	}
	job := func(id string, age int64) wire.JobDetail { return wire.JobDetail{ID: id, AgeMillis: age} }
	v.State(10*second, queueState("lost", 1, 1), 0)
	v.State(14*second, queueState("b", 2, 1), 0)
	v.State(14*second, queueState("a", 3, 1), 0)
	v.State(14*second, wire.State{
		Member: wire.Member{Role: wire.RoleSupervisor, Name: "s", Incarnation: 4}, Sequence: 1,
		Supervisor: &wire.SupervisorState{Wanted: 3, PIDs: []int{1, 2}},
	}, 0)
	p := v.Picture(15 * second)
	if p.Jobs == nil || len(p.Jobs) != 0 {
		t.Errorf("jobs %#v, want an empty list", p.Jobs)
	}
	detail(1, job("lost", 9000))
	detail(2, job("b2", 500), job("b1", 100))
	detail(3, job("a2", 500), job("a1", 300))
	p = v.Picture(15 * second)
	var ids []string
	for _, j := range p.Jobs {
		ids = append(ids, j.ID)
	}
	if got := strings.Join(ids, " "); got != "a2 b2 a1 b1" {
		t.Errorf("jobs %s, want the oldest first", got)
	}
	if len(p.Supervisors) != 1 || p.Supervisors[0].Supervisor == nil || p.Supervisors[0].Supervisor.Wanted != 3 {
		t.Errorf("supervisors %+v", p.Supervisors)
	}
	parts := p.QueueParts()
	if len(parts) != 3 || parts[0].Name != "a" || parts[2].Name != "lost" || parts[2].State != StateLost {
		t.Errorf("parts %+v", parts)
	}
	if empty := (&View{}).Picture(second); empty.Supervisors == nil {
		t.Error("a list that is empty is null in JSON")
	}
}

func TestTheSameWorkerIsOneOfTheSameQueue(t *testing.T) {
	w := Worker{QueueIncarnation: 1, WorkerDetail: wire.WorkerDetail{ID: "req-1", Name: "w"}}
	later, elsewhere, other := w, w, w
	later.Running, later.State, later.Queue = 3, wire.WorkerLost, "renamed"
	elsewhere.QueueIncarnation = 2 // numbers its REQ workers from 1 too
	other.ID = "req-2"
	if !w.Same(later) || w.Same(elsewhere) || w.Same(other) {
		t.Errorf("same %t, %t, %t, want only the first", w.Same(later), w.Same(elsewhere), w.Same(other))
	}
}

func TestAMemberOfAnotherVersionIsShownAsThatAndNothingElse(t *testing.T) {
	var v View
	other := queueState("newer", 1, 1)
	other.Protocol, other.Workers, other.Queue.Waiting = wire.BusProtocol+1, 7, 9
	v.State(second, other, 0)
	v.Detail(wire.Detail{Role: wire.RoleQueue, Name: "newer", Incarnation: 1, Sequence: 1, Jobs: []wire.JobDetail{{ID: "x"}}})
	p := v.Picture(second)
	if len(p.Queues) != 1 || p.Queues[0].State != StateOther || p.Totals.Workers != 0 || p.Totals.Waiting != 0 || len(p.Jobs) != 0 {
		t.Errorf("%+v", p)
	}
}
