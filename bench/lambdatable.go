package main

import "fmt"

// watchdogOfBare is what of-watchdog, in its HTTP mode and with a Go function, once answered at 32 clients, of what the bare
// server did on the same machine: 8.7 and 53 thousand requests/s. Its module is not served by Go's proxy.
const watchdogOfBare = 8.7 / 53

var lambdaColumns = []string{"clients", "system", "requests/s", "of bare", "p50", "of the emulator", "p99", "CPU, s per 1,000", "memory, MB",
	"lost or wrong"}

func (r report) lambdaRows() (rows [][]string) {
	for _, x := range summarize(r.Lambda) {
		rows = append(rows, []string{fmt.Sprint(x.Clients), title(x.System), x.RPS.format("%.0f"), x.RPSOfBare.ratio(""), x.P50.say(duration),
			r.ofEmulator(x.System, x.Clients).ratio(" ×"), duration(x.P99.Median), fmt.Sprintf("%.3f", x.CPU.Median),
			fmt.Sprintf("%.0f", x.Memory.Median), fmt.Sprint(x.Failures)})
	}
	return rows
}

// lambdaHeading says how the numbers were taken and what is missing.
func (r report) lambdaHeading() string {
	heading := r.heading()
	if r.NoEmulator != "" {
		heading += " AWS's emulator is left out, because it could not be had: " + r.NoEmulator
	}
	return heading
}

// ofEmulator is a system's p50 of the emulator's.
func (r report) ofEmulator(system string, clients int) spread {
	return ratios(r.lambdaOf(system, clients), r.lambdaOf(emulatorSystem, clients), func(m *measurement) float64 { return m.P50 })
}

// ofWatchdog is a system's requests/s of those that of-watchdog would have answered.
func (r report) ofWatchdog(system string) spread {
	return ratios(r.lambdaOf(system, bodyClients), r.lambdaOf(bareSystem, bodyClients), func(m *measurement) float64 {
		if m.System == bareSystem {
			return m.RPS * watchdogOfBare
		}
		return m.RPS
	})
}

// lambdaOf are the measurements of a system at so many clients.
func (r report) lambdaOf(system string, clients int) (list []measurement) {
	for _, m := range r.Lambda {
		if m.System == system && m.Clients == clients {
			list = append(list, m)
		}
	}
	return list
}
