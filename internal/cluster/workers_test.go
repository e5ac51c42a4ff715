package cluster

import (
	"testing"

	"faasd/internal/wire"
)

// listed is a worker as a queue lists it.
func listed(queue wire.Incarnation, kind, id, state, reason string) Worker {
	return Worker{QueueIncarnation: queue, WorkerDetail: wire.WorkerDetail{
		ID: id, Kind: kind, Name: id, State: state, Reason: reason, Slots: 4,
	}}
}

func TestEachWorkerIsCountedOnceWhereverItIsListed(t *testing.T) {
	const silent = "silent for 3 s"
	for _, c := range []struct {
		name    string
		counted int // as queues do
		workers []Worker
		want    Totals
	}{
		{"numbers repeat at each queue", 0, []Worker{
			listed(1, "req", "req-4", wire.WorkerLost, silent), listed(2, "req", "req-4", wire.WorkerLost, silent),
			listed(1, "mdp", "mdp-4", wire.WorkerLost, silent), listed(2, "mdp", "mdp-4", wire.WorkerLost, silent),
		}, Totals{WorkersLost: 4}},
		{"a native worker was lost by two queues", 0, []Worker{
			listed(1, "native", "7", wire.WorkerLost, silent), listed(2, "native", "7", wire.WorkerLost, silent),
		}, Totals{WorkersLost: 1}},
		{"killed by command", 0, []Worker{
			listed(1, "native", "7", wire.WorkerLost, wire.ReasonKilled), listed(1, "native", "8", wire.WorkerLost, silent),
		}, Totals{WorkersLost: 1, WorkersKilled: 1}},
		{"its queue is lost", 0, []Worker{listed(1, "native", "7", wire.WorkerLost, queueLost)}, Totals{}},
		{"its first queue has not heard that it has gone", 3, []Worker{
			listed(1, "native", "7", wire.WorkerUp, ""), listed(2, "native", "7", wire.WorkerUp, ""), listed(2, "native", "8", wire.WorkerUp, ""),
		}, Totals{Workers: 2, Slots: 8}},
		{"one of these drains it", 1, []Worker{
			listed(1, "native", "7", wire.WorkerDraining, ""), listed(2, "native", "7", wire.WorkerUp, ""),
		}, Totals{Workers: 1, Slots: 4}},
		{"both do", 0, []Worker{
			listed(1, "native", "7", wire.WorkerDraining, ""), listed(2, "native", "7", wire.WorkerDying, ""),
		}, Totals{WorkersDraining: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Picture{Workers: c.workers, Totals: Totals{Workers: c.counted, Slots: 4 * c.counted}}
			p.countWorkers()
			if p.Totals != c.want {
				t.Errorf("%+v, want %+v", p.Totals, c.want)
			}
			if got := len(p.Lost()); got != c.want.WorkersLost {
				t.Errorf("%d workers are named as lost, and %d counted", got, c.want.WorkersLost)
			}
		})
	}
}
