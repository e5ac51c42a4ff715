package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"faasd/internal/operator"
)

// well are the parts of a service that do what they are for, each start of one
// told apart from the next.
func well(p operator.Picture, service string) (starts []string) {
	add := func(parts ...operator.Part) {
		for _, part := range parts {
			if part.State == operator.StateOK || part.State == operator.StateNoWorker {
				starts = append(starts, part.Incarnation.String())
			}
		}
	}
	switch service {
	case "front":
		add(p.Frontends...)
	case "broker":
		add(p.Brokers...)
	case "coord-broker":
		add(p.Coordinators...)
	case "worker":
		for _, w := range p.Workers {
			if w.State == operator.WorkerUp {
				starts = append(starts, w.Name) // a new one has a new name
			}
		}
	default:
		for _, q := range p.Queues {
			if q.Name == service {
				add(q.Part)
			}
		}
	}
	return starts
}

// renewed waits until so many parts of a service are well that were not before.
func renewed(t *testing.T, service string, n int, before []string, look func() (operator.Picture, error)) {
	t.Helper()
	eventually(t, 2*startWithin, func() string {
		p, err := look()
		if err != nil {
			return err.Error()
		}
		now := well(p, service)
		fresh := len(slices.DeleteFunc(slices.Clone(now), func(start string) bool { return slices.Contains(before, start) }))
		if fresh < n {
			return fmt.Sprintf("%d of the %d parts of %s are new, want %d", fresh, len(now), service, n)
		}
		return ""
	})
}

// unlike says what of a system is not as it should be, "" if all is: so many
// parts of each service, every queue with workers, every broker with every
// queue.
func unlike(p operator.Picture, want shape) string {
	found := shape{len(well(p, "front")), len(well(p, "broker")), len(well(p, "coord-broker")), p.Totals.Workers}
	if found != want {
		return fmt.Sprintf("there are %+v, want %+v", found, want)
	}
	var not []string
	for _, q := range p.Queues {
		if q.State != operator.StateOK && (q.State != operator.StateNoWorker || want.workers >= len(p.Queues)) {
			not = append(not, q.Name+" "+q.State)
		}
	}
	if len(p.Queues) != 3 || len(not) > 0 {
		return fmt.Sprintf("of %d queues, not well are: %s", len(p.Queues), strings.Join(not, ", "))
	}
	for _, b := range p.Brokers {
		if b.State == operator.StateOK && len(b.Broker.Queues) != 3 {
			return fmt.Sprintf("%s gives jobs to %v, want all three queues", b.Name, b.Broker.Queues)
		}
	}
	return ""
}

// A shape is how many parts of each role there are to be; of queues there are
// three.
type shape struct{ fronts, brokers, coordinators, workers int }
