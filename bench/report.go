package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A measurement is one run of wrk and the checked pass after it.
type measurement struct {
	Round   int    `json:"round"`
	System  string `json:"system"`
	Clients int    `json:"clients"`
	wrkResult
	RPS          float64 `json:"rps"`
	Checked      int     `json:"checked"`
	CheckFailed  int     `json:"check_failed"`
	FirstFailure string  `json:"first_failure,omitempty"`
}

// failures is what was lost or wrong.
func (m measurement) failures() int { return m.Errors.sum() + m.CheckFailed }

func (m measurement) String() string {
	s := fmt.Sprintf("%-4s %3d clients: %7.0f requests/s, p50 %s, p99 %s, lost or wrong %d",
		m.System, m.Clients, m.RPS, duration(m.P50), duration(m.P99), m.failures())
	if e := m.Errors; e.sum() > 0 {
		s += fmt.Sprintf(" (wrk: connect %d, read %d, write %d, timeout %d, status %d, body %d)",
			e.Connect, e.Read, e.Write, e.Timeout, e.Status, e.Body)
	}
	if m.FirstFailure != "" {
		s += " (" + m.FirstFailure + ")"
	}
	return s
}

// A result is the median of a system's measurements at one number of clients. Ratios are taken within each round,
// before the median; they are 0 if bare was not measured.
type result struct {
	System   string  `json:"system"`
	Clients  int     `json:"clients"`
	RPS      float64 `json:"rps"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	RPSRatio float64 `json:"rps_of_bare"`
	P50Ratio float64 `json:"p50_of_bare"`
	Failures int     `json:"lost_or_wrong"` // in all rounds
}

func summarize(taken []measurement) []result {
	type cell struct {
		system  string
		clients int
	}
	var order []cell
	cells := map[cell][]measurement{}
	for _, m := range taken {
		c := cell{m.System, m.Clients}
		if cells[c] == nil {
			order = append(order, c)
		}
		cells[c] = append(cells[c], m)
	}
	slices.SortFunc(order, func(a, b cell) int {
		return cmp.Or(a.clients-b.clients,
			slices.Index(systemNames(), a.system)-slices.Index(systemNames(), b.system))
	})
	var results []result
	for _, c := range order {
		r := result{System: c.system, Clients: c.clients}
		var rps, p50, p99, rpsRatio, p50Ratio []float64
		for _, m := range cells[c] {
			rps, p50, p99 = append(rps, m.RPS), append(p50, m.P50), append(p99, m.P99)
			r.Failures += m.failures()
			for _, bare := range cells[cell{bareSystem, c.clients}] {
				if bare.Round == m.Round {
					rpsRatio, p50Ratio = append(rpsRatio, m.RPS/bare.RPS), append(p50Ratio, m.P50/bare.P50)
				}
			}
		}
		r.RPS, r.P50, r.P99 = median(rps), median(p50), median(p99)
		r.RPSRatio, r.P50Ratio = median(rpsRatio), median(p50Ratio)
		results = append(results, r)
	}
	return results
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// A machine is where the numbers were taken.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Wrk    string `json:"wrk"`
}

func thisMachine(ctx context.Context) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if info, err := os.Open("/proc/cpuinfo"); err == nil {
		defer func() { _ = info.Close() }()
		for lines := bufio.NewScanner(info); lines.Scan(); {
			if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	var uts syscall.Utsname
	if syscall.Uname(&uts) == nil {
		for _, c := range uts.Release { // the number without what a distribution adds
			if c != '.' && (c < '0' || c > '9') {
				break
			}
			m.Kernel += string(rune(c))
		}
	}
	// wrk prints its version together with its usage, and exits 1.
	said, _ := exec.CommandContext(ctx, "wrk", "--version").CombinedOutput()
	if words := strings.Fields(string(said)); len(words) > 1 {
		m.Wrk = words[1]
	}
	return m
}

// A report is everything that a run found out.
type report struct {
	Taken        time.Time     `json:"taken"`
	Build        string        `json:"build,omitempty"`
	Machine      machine       `json:"machine"`
	Rounds       int           `json:"rounds"`
	Seconds      int           `json:"seconds"`
	Body         string        `json:"body"`
	Results      []result      `json:"results,omitempty"`
	Measurements []measurement `json:"measurements,omitempty"`

	Screen  []screenCost   `json:"screen,omitempty"`
	Crowded *crowdedScreen `json:"crowded_screen,omitempty"`
}

func (r report) failures() (sum int) {
	for _, result := range r.Results {
		sum += result.Failures
	}
	for _, c := range r.Screen {
		sum += c.Load.failures()
	}
	return sum
}

var columns = []string{"clients", "system", "requests/s", "of bare", "p50", "of bare", "p99", "lost or wrong"}

func (r report) rows() (rows [][]string) {
	for _, x := range r.Results {
		ratio := func(v float64, unit string) string {
			if v == 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f%s", v, unit)
		}
		rows = append(rows, []string{fmt.Sprint(x.Clients), titles[x.System], fmt.Sprintf("%.0f", x.RPS),
			ratio(x.RPSRatio, ""), duration(x.P50), ratio(x.P50Ratio, " ×"), duration(x.P99), fmt.Sprint(x.Failures)})
	}
	return rows
}

// duration writes microseconds as people read them.
func duration(us float64) string {
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.2f ms", us/1000)
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

func (r report) medianOf() string {
	if r.Rounds > 1 {
		return fmt.Sprintf("Median of %d rounds", r.Rounds)
	}
	return "One round"
}

func (r report) heading() string {
	return r.taken() + "\n" +
		fmt.Sprintf("%s of %d s each measurement; one wrk thread; body `%s`.", r.medianOf(), r.Seconds, r.Body)
}

// A table is one part of a report, as people read it.
type table struct {
	name    string // of its place in a document
	heading string
	columns []string
	left    []int // columns of text; the others are numbers
	rows    [][]string
}

// tables are those of what was measured.
func (r report) tables() (list []table) {
	if len(r.Results) > 0 {
		list = append(list, table{"numbers", r.heading(), columns, []int{1}, r.rows()})
	}
	if r.Crowded != nil {
		list = append(list, table{"screen", r.costHeading(), costColumns, []int{0, 1}, r.costRows()})
	}
	return list
}

// text is the table for a terminal.
func (t table) text() string {
	rows := append([][]string{t.columns}, t.rows...)
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	b.WriteString(t.heading + "\n\n")
	for n, row := range rows {
		if n > 1 && row[0] != rows[n-1][0] {
			b.WriteString("\n")
		}
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if slices.Contains(t.left, i) {
				line += cell + pad + "  "
			} else {
				line += pad + cell + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (t table) markdown() string {
	var b strings.Builder
	b.WriteString(t.heading + "\n\n")
	b.WriteString("| " + strings.Join(t.columns, " | ") + " |\n|")
	for i := range t.columns {
		if slices.Contains(t.left, i) {
			b.WriteString("---|")
		} else {
			b.WriteString("---:|")
		}
	}
	b.WriteString("\n")
	for _, row := range t.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// replace puts the table between the lines of a document that mark its place, such as <!-- numbers: begin -->.
func (t table) replace(document string) (string, error) {
	begin, end := "<!-- "+t.name+": begin -->", "<!-- "+t.name+": end -->"
	before, rest, begun := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return "", fmt.Errorf("it has no lines %s and %s", begin, end)
	}
	return before + begin + "\n" + t.markdown() + end + after, nil
}

// write stores the report in the files that are named.
func (r report) write(jsonFile, markdownFile string) error {
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if markdownFile == "" {
		return nil
	}
	document, err := os.ReadFile(markdownFile)
	if err != nil {
		return err
	}
	text := string(document)
	for _, t := range r.tables() {
		if text, err = t.replace(text); err != nil {
			return fmt.Errorf("%s: %w", markdownFile, err)
		}
	}
	return os.WriteFile(markdownFile, []byte(text), 0o644)
}
