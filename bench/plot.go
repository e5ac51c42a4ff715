package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// charts are the curves of what was measured.
func (r report) charts() (list []chart) {
	return append(r.resultCharts(), r.growthCharts()...)
}

func (r report) resultCharts() (list []chart) {
	if len(r.Results) == 0 {
		return nil
	}
	small := func(x result) bool { return x.Body == r.Results[0].Body }
	clients := func(x result) string { return fmt.Sprint(x.Clients) }
	at := func(x result) bool { return x.Clients == bodyClients }
	body := func(x result) string { return size(x.Body) }
	list = []chart{
		resultChart(r.Results, "Requests/s", "clients", false, small, clients, func(x result) spread { return x.RPS }),
		resultChart(r.Results, "Latency, p50, µs", "clients", true, small, clients, func(x result) spread { return x.P50 }),
		resultChart(r.Results, "Latency, p99, µs", "clients", true, small, clients, func(x result) spread { return x.P99 }),
		resultChart(r.Results, "CPU, ms for each request", "clients", true, small, clients, func(x result) spread { return x.CPU }),
	}
	if r.Results[len(r.Results)-1].Body != r.Results[0].Body {
		list = append(list,
			resultChart(r.Results, fmt.Sprintf("Requests/s, %d clients", bodyClients), "body", true, at, body, func(x result) spread { return x.RPS }),
			resultChart(r.Results, fmt.Sprintf("Memory, MB, %d clients", bodyClients), "body", true, at, body, func(x result) spread { return x.Memory }))
	}
	return list
}

// resultChart has a line for each system, over those results that are wanted.
func resultChart(results []result, heading, x string, log bool, wanted func(result) bool, place func(result) string,
	value func(result) spread,
) chart {
	c := chart{title: heading, x: x, log: log}
	where := map[string]int{}
	which := map[string]int{}
	for _, r := range results {
		if !wanted(r) {
			continue
		}
		if _, known := where[place(r)]; !known {
			where[place(r)] = len(c.at)
			c.at = append(c.at, place(r))
		}
		if _, known := which[r.System]; !known {
			which[r.System] = len(c.lines)
			c.lines = append(c.lines, line{name: title(r.System)})
		}
	}
	for i := range c.lines {
		c.lines[i].values = make([]spread, len(c.at))
	}
	for _, r := range results {
		if wanted(r) {
			c.lines[which[r.System]].values[where[place(r)]] = value(r)
		}
	}
	return c
}

// plot draws the charts into a file, and returns the lines that show it in a document.
func (r report) plot(file, document string) (string, error) {
	caption := r.taken()
	if r.Rounds > 1 {
		caption += fmt.Sprintf(" Medians of %d rounds; bars are quartiles.", r.Rounds)
	}
	if err := os.WriteFile(file, []byte(picture(caption, r.charts())), 0o644); err != nil {
		return "", err
	}
	from, err := filepath.Rel(filepath.Dir(document), file)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("![The curves of what was measured](%s)\n", filepath.ToSlash(from)), nil
}
