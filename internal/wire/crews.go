package wire

import "fmt"

// MaxCrewNames bounds the names in all of a Detail's Crews together. Workers
// beyond that are listed without their functions.
const MaxCrewNames = 16 << 10

// Fold lists the functions of workers that have more than MaxFunctions once, in
// Crews: a thousand workers may have the same thousand.
func (d *Detail) Fold() {
	crews, names := make(map[*string]int), 0 // by where a list begins: those of one crew share it
	for i := range d.Workers {
		w := &d.Workers[i]
		if len(w.Functions) <= MaxFunctions {
			continue
		}
		crew := crews[&w.Functions[0]]
		if crew == 0 && names+len(w.Functions) <= MaxCrewNames {
			names += len(w.Functions)
			d.Crews = append(d.Crews, w.Functions)
			crew = len(d.Crews)
			crews[&w.Functions[0]] = crew
		}
		w.Crew, w.Functions = crew, []string{}
	}
}

// Spread takes back what Fold did, of a detail that was checked.
func (d *Detail) Spread() {
	for i := range d.Workers {
		if w := &d.Workers[i]; w.Crew > 0 {
			w.Functions, w.Crew = d.Crews[w.Crew-1], 0
		}
	}
}

// checkCrews refuses lists that are too long, and workers of none of them.
func (d *Detail) checkCrews() error {
	names := 0
	for _, crew := range d.Crews {
		names += len(crew)
		for _, name := range crew {
			if !ValidName(name) {
				return fmt.Errorf("%w: workers with function %.80q", ErrMalformed, name)
			}
		}
	}
	if names > MaxCrewNames {
		return fmt.Errorf("%w: crews of %d names, want %d at most", ErrMalformed, names, MaxCrewNames)
	}
	for i := range d.Workers {
		if w := &d.Workers[i]; w.Crew < 0 || w.Crew > len(d.Crews) {
			return fmt.Errorf("%w: worker %s of crew %d of %d", ErrMalformed, w.Name, w.Crew, len(d.Crews))
		}
	}
	return nil
}
