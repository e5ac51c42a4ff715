package queue

import "faasd/internal/wire"

// maxPast is how many more functions than are deployed have their counts kept
// while the queue has neither a worker nor a job of them: of any number of names
// that pass through, those of the last.
const maxPast = 256

// counts are jobs of one function at this queue since it started.
type counts struct{ arrived, done, failed uint64 }

// past is the counts of functions that the queue does not know at present: its
// only worker of them has died, perhaps, and the next is on its way.
type past struct {
	counts    map[string]forgotten
	forgotten uint64 // functions so far
}

type forgotten struct {
	counts
	number uint64 // of past.forgotten
}

// recall returns what a function has counted that is known again.
func (p *past) recall(name string) counts {
	c := p.counts[name].counts
	delete(p.counts, name)
	return c
}

// remember keeps what a function has counted that is forgotten. Beyond the bound
// those go that were forgotten first and are not deployed.
func (p *past) remember(f *function, deployed *wire.Catalogue) {
	if f.arrived == 0 {
		return
	}
	p.forgotten++
	p.counts[f.name] = forgotten{f.counts, p.forgotten}
	if deployed == nil {
		deployed = new(wire.Catalogue)
	}
	most := maxPast + len(deployed.Functions)
	if len(p.counts) <= most {
		return
	}
	kept := make(map[string]bool, len(deployed.Functions))
	for i := range deployed.Functions {
		kept[deployed.Functions[i].Name] = true
	}
	for len(p.counts) > most {
		var first string
		for name, c := range p.counts {
			if !kept[name] && (first == "" || c.number < p.counts[first].number) {
				first = name
			}
		}
		delete(p.counts, first)
	}
}

// state is what the queue publishes of it.
func (p *past) state() map[string]wire.FunctionCounts {
	all := make(map[string]wire.FunctionCounts, len(p.counts))
	for name, c := range p.counts {
		all[name] = wire.FunctionCounts{Arrived: c.arrived, Done: c.done, Failed: c.failed}
	}
	return all
}
