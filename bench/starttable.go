package main

var startColumns = []string{"what", "measured", "calls afterwards, p50"}

func (r report) startRows() (rows [][]string) {
	whats := []string{upFirst, idleMemory}
	for _, k := range functionKinds {
		whats = append(whats, k.name)
	}
	for _, what := range whats {
		if len(r.started(what)) == 0 {
			continue
		}
		row := []string{what, r.startOf(what).format("%.0f MB"), "–"}
		switch what {
		case idleMemory:
		case upFirst:
			row[1] = r.startOf(what).format("%.2f s")
		default:
			row = []string{"first call of a function, " + what, r.startOf(what).format("%.1f ms"), r.warmOf(what).format("%.2f ms")}
		}
		rows = append(rows, row)
	}
	return rows
}

// startOf is what was measured of a thing; of upFirst in s.
func (r report) startOf(what string) spread {
	unit := 1.0
	if what == upFirst {
		unit = 1000
	}
	return spreadOf(r.started(what), func(s *starting) float64 { return s.Took / unit })
}

func (r report) warmOf(what string) spread {
	return spreadOf(r.started(what), func(s *starting) float64 { return s.Warm })
}

func (r report) started(what string) (list []starting) {
	for _, s := range r.Starts {
		if s.What == what {
			list = append(list, s)
		}
	}
	return list
}
