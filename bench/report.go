package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A report is everything that a run found out.
type report struct {
	Taken        time.Time     `json:"taken"`
	Build        string        `json:"build,omitempty"`
	Machine      machine       `json:"machine"`
	Rounds       int           `json:"rounds"`
	Seconds      int           `json:"seconds"`
	Results      []result      `json:"results,omitempty"`
	Measurements []measurement `json:"measurements,omitempty"`
	Lambda       []measurement `json:"lambda,omitempty"`
	Growth       []growth      `json:"growth,omitempty"`
	Starts       []starting    `json:"starts,omitempty"`
	NoEmulator   string        `json:"no_emulator,omitempty"` // why it is left out
	Floors       []floor       `json:"six_hops,omitempty"`

	Screen  []screenCost   `json:"screen,omitempty"`
	Crowded *crowdedScreen `json:"crowded_screen,omitempty"`

	Units costs `json:"units_us_or_bytes,omitempty"`

	Missing []missing `json:"missing,omitempty"`
}

// A missing is what a part of a run has not measured, because something failed or somebody ended the run.
type missing struct {
	Part string `json:"part"`
	Why  string `json:"why"`
}

// failures is how many requests were lost or answered wrongly.
func (r report) failures() (sum int) {
	for _, part := range partNames() {
		sum += r.failuresOf(part)
	}
	return sum
}

func (r report) failuresOf(part string) (sum int) {
	switch part {
	case comparePart:
		for _, m := range r.Measurements {
			sum += m.failures()
		}
	case lambdaPart:
		for _, m := range r.Lambda {
			sum += m.failures()
		}
	case growthPart:
		for _, g := range r.Growth {
			sum += g.failures()
		}
	case screenPart:
		for _, c := range r.Screen {
			sum += c.Load.failures()
		}
	}
	return sum
}

// notes are the lines in a part's tables that say what its numbers lack.
func (r report) notes(part string) (lines []string) {
	if lost := r.failuresOf(part); lost > 0 {
		lines = append(lines, fmt.Sprintf("INVALID: %d requests were lost or answered wrongly.", lost))
	}
	for _, m := range r.Missing {
		if m.Part == part {
			lines = append(lines, "INCOMPLETE: "+strings.Join(strings.Fields(m.Why), " "))
		}
	}
	return lines
}

// taken says when and where the numbers were taken.
func (r report) taken() string {
	return fmt.Sprintf("%s, wrk %s.", r.takenOn(), r.Machine.Wrk)
}

func (r report) takenOn() string {
	measured := "faasd"
	if r.Build != "" {
		measured += " " + r.Build
	}
	return fmt.Sprintf("%s, %s: %s, %d cores, Linux %s, %s",
		r.Taken.Format(time.DateOnly), measured, r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go)
}

func (r report) heading() string {
	return r.taken() + "\n" +
		fmt.Sprintf("%s; %d s each measurement; one wrk thread.", r.spreads(), r.Seconds)
}

// spreads says what the numbers of a table are.
func (r report) spreads() string {
	if r.Rounds > 1 {
		return fmt.Sprintf("Median of %d rounds, quartiles in parentheses", r.Rounds)
	}
	return "One round"
}

// rows are those of two tables of results: the least body over several numbers of clients, and all bodies at bodyClients, if there
// are several.
func rows(results []result, row func(distinguished string, x result) []string) (clients, bodies [][]string) {
	for _, x := range results {
		if x.Body == results[0].Body {
			clients = append(clients, row(fmt.Sprint(x.Clients), x))
		}
		if x.Clients == bodyClients && results[len(results)-1].Body != results[0].Body {
			bodies = append(bodies, row(size(x.Body), x))
		}
	}
	return clients, bodies
}

// tables are those of what was measured, and of what was to be measured and is missing.
func (r report) tables() (list []table) {
	add := func(part string, t table) {
		t.notes = r.notes(part)
		if len(t.rows) > 0 || len(t.notes) > 0 {
			list = append(list, t)
		}
	}
	clients, bodies := rows(r.Results, func(distinguished string, x result) []string { return x.cells(distinguished) })
	add(comparePart, table{name: "numbers", heading: r.heading(), columns: slices.Concat([]string{"clients"}, resultColumns), left: []int{1}, rows: clients})
	if len(bodies) > 0 {
		add(comparePart, table{name: "bodies", heading: r.heading(), columns: slices.Concat([]string{"body"}, resultColumns), left: []int{1}, rows: bodies})
	}
	if open := r.openRows(); len(open) > 0 {
		add(comparePart, table{name: "open", heading: r.openHeading(), columns: openColumns, left: []int{0}, rows: open})
	}
	clients, bodies = rows(summarize(r.Lambda), r.lambdaRow)
	add(lambdaPart, table{name: "lambda", heading: r.lambdaHeading(), columns: slices.Concat([]string{"clients"}, lambdaColumns), left: []int{1}, rows: clients})
	if len(bodies) > 0 {
		add(lambdaPart, table{name: "lambda-bodies", heading: r.lambdaHeading(), columns: slices.Concat([]string{"body"}, lambdaColumns), left: []int{1}, rows: bodies})
	}
	add(growthPart, table{name: "growth", heading: r.heading(), columns: growthColumns, rows: r.growthRows()})
	add(startPart, table{name: "start", heading: r.taken() + "\n" + r.spreads() + ".", columns: startColumns, left: []int{0}, rows: r.startRows()})
	add(screenPart, table{name: "screen", heading: r.costHeading(), columns: costColumns, left: []int{0, 1}, rows: r.costRows()})
	add(unitsPart, table{name: "units", heading: r.unitHeading(), columns: unitColumns, left: []int{0, 1, 2}, rows: r.unitRows()})
	if len(r.Units) > 0 {
		heading := "Reckoned from these."
		add(unitsPart, table{name: "sizing-jobs", heading: heading, columns: jobSizingColumns, left: []int{0}, rows: large.jobRows(r.Units)})
		add(unitsPart, table{name: "sizing-bus", heading: heading, columns: busSizingColumns, left: []int{0}, rows: large.busRows(r.Units)})
		add(unitsPart, table{name: "sizing-amounts", heading: heading, columns: amountColumns, left: []int{0}, rows: large.amountRows(r.Units)})
	}
	var kept [][]string
	for _, b := range r.budgets() {
		kept = append(kept, b.cells())
	}
	if len(kept) > 0 {
		t := table{name: "budgets", heading: r.taken() + "\n" + r.spreads() + ".", columns: budgetColumns, left: []int{0, 3, 5}, rows: kept}
		for _, part := range partNames() {
			t.notes = append(t.notes, r.notes(part)...)
		}
		list = append(list, t)
	}
	return list
}

// write stores the report in the files that are named. One that cannot be written does not keep the others from being.
func (r report) write(jsonFile, markdownFile, plotFile string) error {
	var failed error
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(jsonFile, append(text, '\n'), 0o644)
		}
		failed = err
	}
	places := map[string]string{}
	for _, t := range r.tables() {
		places[t.name] = t.markdown()
	}
	if plotFile != "" && len(r.charts()) > 0 {
		text, err := r.plot(plotFile, markdownFile)
		if err == nil {
			places["plot"] = text
		}
		failed = errors.Join(failed, err)
	}
	if markdownFile != "" {
		failed = errors.Join(failed, fill(markdownFile, places))
	}
	return failed
}

// fill puts contents into their places in a document.
func fill(file string, places map[string]string) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(document)
	for name, content := range places {
		if text, err = replace(text, name, content); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
