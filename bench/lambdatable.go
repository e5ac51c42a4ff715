package main

import "fmt"

// watchdogOfBare is what of-watchdog, in its HTTP mode and with a Go function, once answered at 32 clients, of what the bare
// server did on the same machine: 8.7 and 53 thousand requests/s. Its module is not served by Go's proxy.
const watchdogOfBare = 8.7 / 53

// lambdaColumns are those of a table of Lambda functions, behind the one of what distinguishes the loads.
var lambdaColumns = []string{"system", "requests/s", "of bare", "p50", "of the emulator", "p99", "p99.9", "CPU, s per 1,000", "memory, MB",
	"lost or wrong"}

// lambdaRow is a row of such a table.
func (r report) lambdaRow(distinguished string, x result) []string {
	return []string{distinguished, title(x.System), x.RPS.format("%.0f"), x.RPSOfBare.ratio(""), x.P50.say(duration),
		r.ofEmulator(x.System, x.load).ratio(" ×"), duration(x.P99.Median), duration(x.P999.Median), fmt.Sprintf("%.3f", x.CPU.Median),
		fmt.Sprintf("%.0f", x.Memory.Median), fmt.Sprint(x.Failures)}
}

// lambdaHeading says how the numbers were taken and what is missing.
func (r report) lambdaHeading() string {
	heading := r.heading()
	if r.NoEmulator != "" {
		heading += " AWS's emulator is left out, because it could not be had: " + r.NoEmulator
	}
	return heading
}

// ofEmulator is a system's p50 of the emulator's, under a load.
func (r report) ofEmulator(system string, l load) spread {
	return ratios(r.lambdaOf(system, l), r.lambdaOf(emulatorSystem, l), func(m *measurement) float64 { return m.P50 })
}

// ofWatchdog is a system's requests/s of those that of-watchdog would have answered.
func (r report) ofWatchdog(system string) spread {
	l := load{bodyClients, len(echoBody)}
	return ratios(r.lambdaOf(system, l), r.lambdaOf(bareSystem, l), func(m *measurement) float64 {
		if m.System == bareSystem {
			return m.RPS * watchdogOfBare
		}
		return m.RPS
	})
}

// lambdaOf are the measurements of a system under a load.
func (r report) lambdaOf(system string, l load) (list []measurement) {
	for _, m := range r.Lambda {
		if m.System == system && m.load == l {
			list = append(list, m)
		}
	}
	return list
}
