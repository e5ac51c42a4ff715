package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
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
}

func (r report) failures() (sum int) {
	for _, m := range slices.Concat(r.Measurements, r.Lambda) {
		sum += m.failures()
	}
	for _, g := range r.Growth {
		sum += g.failures()
	}
	for _, c := range r.Screen {
		sum += c.Load.failures()
	}
	return sum
}

// taken says when and where the numbers were taken.
func (r report) taken() string {
	measured := "faasd"
	if r.Build != "" {
		measured += " " + r.Build
	}
	return fmt.Sprintf("%s, %s: %s, %d cores, Linux %s, %s, wrk %s.",
		r.Taken.Format(time.DateOnly), measured, r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go, r.Machine.Wrk)
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

// rows are those of the two tables of results: the body that is measured over several numbers of clients, which is the least, and
// all of them at bodyClients.
func (r report) rows() (clients, bodies [][]string) {
	for _, x := range r.Results {
		if x.Body == r.Results[0].Body {
			clients = append(clients, x.cells(fmt.Sprint(x.Clients)))
		}
		if x.Clients == bodyClients && r.Results[len(r.Results)-1].Body != r.Results[0].Body {
			bodies = append(bodies, x.cells(size(x.Body)))
		}
	}
	return clients, bodies
}

// tables are those of what was measured.
func (r report) tables() (list []table) {
	if clients, bodies := r.rows(); len(clients) > 0 {
		list = append(list, table{"numbers", r.heading(), append([]string{"clients"}, resultColumns...), []int{1}, clients})
		if len(bodies) > 0 {
			list = append(list, table{"bodies", r.heading(), append([]string{"body"}, resultColumns...), []int{1}, bodies})
		}
	}
	if open := r.openRows(); len(open) > 0 {
		list = append(list, table{"open", r.openHeading(), openColumns, []int{0}, open})
	}
	if len(r.Lambda) > 0 {
		list = append(list, table{"lambda", r.lambdaHeading(), lambdaColumns, []int{1}, r.lambdaRows()})
	}
	if len(r.Growth) > 0 {
		list = append(list, table{"growth", r.heading(), growthColumns, nil, r.growthRows()})
	}
	if len(r.Starts) > 0 {
		list = append(list, table{"start", r.taken() + "\n" + r.spreads() + ".", startColumns, []int{0}, r.startRows()})
	}
	if r.Crowded != nil {
		list = append(list, table{"screen", r.costHeading(), costColumns, []int{0, 1}, r.costRows()})
	}
	var kept [][]string
	for _, b := range r.budgets() {
		kept = append(kept, b.cells())
	}
	if len(kept) > 0 {
		list = append(list, table{"budgets", r.taken() + "\n" + r.spreads(), budgetColumns, []int{0, 3, 5}, kept})
	}
	return list
}

// write stores the report in the files that are named.
func (r report) write(jsonFile, markdownFile, plotFile string) error {
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	places := map[string]string{}
	for _, t := range r.tables() {
		places[t.name] = t.markdown()
	}
	if plotFile != "" && len(r.charts()) > 0 {
		text, err := r.plot(plotFile, markdownFile)
		if err != nil {
			return err
		}
		places["plot"] = text
	}
	if markdownFile == "" {
		return nil
	}
	document, err := os.ReadFile(markdownFile)
	if err != nil {
		return err
	}
	text := string(document)
	for name, content := range places {
		if text, err = replace(text, name, content); err != nil {
			return fmt.Errorf("%s: %w", markdownFile, err)
		}
	}
	return os.WriteFile(markdownFile, []byte(text), 0o644)
}
