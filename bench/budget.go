package main

import "fmt"

// A budget is one line of what DESIGN.md section 9 asks for: what is worth using at all, and where faasd wants to be.
type budget struct {
	what         string
	got          spread
	verb         string // how a number of it is written
	atLeast, aim bound
}

// A bound is what a number has to keep to. The zero bound asks for nothing.
type bound struct {
	sign  string // ≥ or ≤
	limit float64
}

func least(limit float64) bound { return bound{"≥", limit} }
func most(limit float64) bound  { return bound{"≤", limit} }

func (b bound) met(value float64) bool {
	if b.sign == "≥" {
		return value >= b.limit
	}
	return value <= b.limit
}

// cells are what a bound asks for and whether it is kept.
func (b bound) cells(value float64, verb string) []string {
	if b.sign == "" {
		return []string{"–", "–"}
	}
	kept := "missed"
	if b.met(value) {
		kept = "met"
	}
	return []string{b.sign + " " + fmt.Sprintf(verb, b.limit), kept}
}

var budgetColumns = []string{"what", "measured", "at least", "", "aim", ""}

func (b budget) cells() []string {
	row := append([]string{b.what, b.got.format(b.verb)}, b.atLeast.cells(b.got.Median, b.verb)...)
	return append(row, b.aim.cells(b.got.Median, b.verb)...)
}

// budgets are those whose numbers this run has taken.
func (r report) budgets() (list []budget) {
	const ratio = "%.2f"
	add := func(what string, got spread, verb string, atLeast, aim bound) {
		if got != (spread{}) {
			list = append(list, budget{what, got, verb, atLeast, aim})
		}
	}
	x := r.result(upSystem, 128)
	add("faasd up, 128 clients: requests/s, of bare", x.RPSOfBare, ratio, least(0.45), least(0.60))
	add("faasd up, 128 clients: requests/s, of NATS", x.RPSOfNATS, ratio, least(1.1), bound{})
	x = r.result(upSystem, 1)
	add("faasd up, 1 client: p50, of bare", x.P50OfBare, ratio, most(4.2), most(3))
	add("faasd up, 1 client: p50, of NATS", x.P50OfNATS, ratio, bound{}, most(1))
	x = r.result(tcpSystem, 128)
	add("processes over tcp, 128 clients: requests/s, of NATS", x.RPSOfNATS, ratio, least(0.9), least(1.1))
	add("processes over tcp, 1 client: p50, of six hops in C and bare", r.ofFloor(), ratio, most(1.6), most(1.25))
	add("Lambda function in faasd up, 1 client: p50, of AWS's emulator", r.ofEmulator(lambdaSystem, load{1, len(echoBody)}), ratio, most(1.3), most(1))
	add("Lambda function in faasd up, 32 clients: requests/s, of of-watchdog's (recorded, by way of bare)", r.ofWatchdog(lambdaSystem), ratio, bound{}, least(1.2))
	if lost, measured := r.lostByFaasd(); measured {
		list = append(list, budget{"faasd, 32 clients and more: requests lost or answered wrongly", spread{lost, lost, lost}, "%.0f", most(0), most(0)})
	}
	full := grown{Queues: 3, Workers: 1000}
	add("1,000 workers instead of 3: requests/s", r.ofBase(full, growthRPS), ratio, least(0.8), least(0.95))
	add("1,000 workers instead of 3: CPU for a request", r.ofBase(full, growthCPU), ratio, most(1.25), bound{})
	add("1,000 workers: messages/s published under full load, of those at 1,000 requests/s", r.publishedOfLight(full), ratio, most(1.25), bound{})
	add("the report's nine processes, idle: memory, MB", r.startOf(idleMemory), "%.0f", most(200), most(120))
	add("faasd up, until the first request is answered, s", r.startOf(upFirst), "%.2f", most(1), most(0.4))
	for _, k := range functionKinds {
		add("first call of a function, "+k.name+", ms", r.startOf(k.name), "%.1f", most(50), most(10))
	}
	idle := spreadOf(r.Screen, func(c *screenCost) float64 { return c.Idle.Closed.System })
	add("faasd up, idle: CPU, % of a core", idle, ratio, most(2), most(1))
	screen := spreadOf(r.Screen, func(c *screenCost) float64 { return c.Load.Open.Screen })
	add("faasctl top at some 10,000 jobs/s: CPU, % of a core", screen, ratio, most(8), most(5))
	return list
}

// lostByFaasd is how many requests were lost or answered wrongly while several clients asked, if that was measured.
func (r report) lostByFaasd() (lost float64, measured bool) {
	for _, m := range r.Measurements {
		if kinds[place(m.System)].crosses && m.Clients > 1 {
			lost, measured = lost+float64(m.failures()), true
		}
	}
	return lost, measured
}

// result is what a system had with 24 bytes over so many connections; zero if it was not measured like that.
func (r report) result(system string, clients int) result {
	for _, x := range r.Results {
		if x.System == system && x.load == (load{clients, len(echoBody)}) {
			return x
		}
	}
	return result{}
}

// ofFloor is the p50 of processes over tcp with one client, of what six hops in C and the bare server take together.
func (r report) ofFloor() spread {
	one := load{1, len(echoBody)}
	var quotients []float64
	for _, tcp := range r.Measurements {
		if tcp.System != tcpSystem || tcp.load != one {
			continue
		}
		for _, bare := range r.Measurements {
			for _, f := range r.Floors {
				if bare.System == bareSystem && bare.load == one && bare.Round == tcp.Round && f.Round == tcp.Round {
					quotients = append(quotients, tcp.P50/(f.P50+bare.P50))
				}
			}
		}
	}
	return spreadOver(quotients)
}
