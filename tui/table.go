package tui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// column is one column of a table.
type column struct {
	title string
	width int  // columns on the screen
	grow  bool // takes of what is left what its longest text needs
	right bool
	rank  int // 0 is always shown; of the others the highest goes first where there is no room
}

// hide is the rank of a column that is not shown at any width.
const hide = 100

// cell is one field of a row.
type cell struct {
	text string
	sort float64 // what it is sorted by, if by is set; else the text
	by   bool
	mood mood
}

func text(s string) cell               { return cell{text: clean(s)} }
func mooded(s string, m mood) cell     { return cell{text: clean(s), mood: m} }
func number(s string, by float64) cell { return cell{text: s, sort: by, by: true} }
func counted[N int | uint64](n N) cell { return number(count(n), float64(n)) }
func rated(known bool, r float64) cell {
	if !known {
		return number(none, -1)
	}
	return number(perSecond(r), r)
}

func timed[N int64 | float64](ms N) cell { return number(millis(ms), float64(ms)) }

// row is one thing in a table, whose id stays whatever else changes.
type row struct {
	id    string
	cells []cell
}

// table shows rows of which it has drawn only those that are seen. The cursor
// stays with its row when rows are sorted anew, come or go.
type table struct {
	columns []column
	empty   string // what stands there without rows

	all     []row // as given
	longest []int // by column, of those that grow
	rows    []row // filtered and sorted
	cursor  string
	at      int // where the cursor is in rows
	top     int // the first of rows that is seen
	height  int // how many rows are seen at most

	sortBy int // a column; -1 as given
	desc   bool
	filter string
	marks  map[string]bool
}

func newTable(empty string, columns ...column) *table {
	return &table{columns: columns, empty: empty, sortBy: -1, marks: make(map[string]bool)}
}

// set replaces the rows. Marks of rows that are gone go with them.
func (t *table) set(rows []row) {
	t.all = rows
	there := make(map[string]bool, len(t.marks))
	for _, r := range rows {
		if t.marks[r.id] {
			there[r.id] = true
		}
	}
	t.marks = there
	t.measure()
	t.arrange()
}

// measure finds out how wide the columns would be that grow.
func (t *table) measure() {
	t.longest = make([]int, len(t.columns))
	for i, c := range t.columns {
		if !c.grow {
			continue
		}
		for _, r := range t.all {
			t.longest[i] = max(t.longest[i], ansi.StringWidth(r.cells[i].text))
		}
	}
}

// arrange filters and sorts, and finds the cursor's row again.
func (t *table) arrange() {
	t.rows = t.rows[:0]
	wanted := strings.ToLower(t.filter)
	for _, r := range t.all {
		if wanted == "" || t.contains(&r, wanted) {
			t.rows = append(t.rows, r)
		}
	}
	if t.sortBy >= 0 {
		slices.SortStableFunc(t.rows, func(a, b row) int {
			x, y := a.cells[t.sortBy], b.cells[t.sortBy]
			c := cmp.Compare(x.text, y.text)
			if x.by || y.by {
				c = cmp.Compare(x.sort, y.sort)
			}
			if t.desc {
				return -c
			}
			return c
		})
	}
	if i := slices.IndexFunc(t.rows, func(r row) bool { return r.id == t.cursor }); i >= 0 {
		t.at = i
	}
	t.move(0)
}

// contains reports whether a row has that in one of its columns, be there room for
// it or not.
func (t *table) contains(r *row, lower string) bool {
	for i, c := range r.cells {
		if t.columns[i].rank != hide && strings.Contains(strings.ToLower(c.text), lower) {
			return true
		}
	}
	return false
}

// move moves the cursor by n rows.
func (t *table) move(n int) {
	t.at = max(min(t.at+n, len(t.rows)-1), 0)
	t.cursor = ""
	if len(t.rows) > 0 {
		t.cursor = t.rows[t.at].id
	}
}

// find puts the cursor on the row with that id, if it is there.
func (t *table) find(id string) {
	t.cursor = id
	t.arrange()
}

// page is how far a page up or down goes.
func (t *table) page() int { return max(t.height-1, 1) }

// mark marks the row under the cursor, or takes its mark away, and goes on.
func (t *table) mark() {
	if t.cursor == "" {
		return
	}
	if t.marks[t.cursor] {
		delete(t.marks, t.cursor)
	} else {
		t.marks[t.cursor] = true
	}
	t.move(1)
}

// chosen are the ids of the marked rows, those that the filter hides too, else of
// the one under the cursor.
func (t *table) chosen() (ids []string) {
	for _, r := range t.all {
		if t.marks[r.id] {
			ids = append(ids, r.id)
		}
	}
	if len(ids) == 0 && t.cursor != "" {
		ids = []string{t.cursor}
	}
	return ids
}

// sortNext sorts by the next of the columns that are seen at that width; numbers
// begin with the largest.
func (t *table) sortNext(w int) {
	shown := t.shown(w)
	next := slices.IndexFunc(shown, func(i int) bool { return i == t.sortBy }) + 1
	if next >= len(shown) {
		t.sortBy, t.desc = -1, false
	} else {
		t.sortBy, t.desc = shown[next], t.columns[shown[next]].right
	}
	t.arrange()
}

// sorting says by what the rows are sorted: "sort p99 desc"; "" as given.
func (t *table) sorting() string {
	if t.sortBy < 0 {
		return ""
	}
	way := " asc"
	if t.desc {
		way = " desc"
	}
	return "sort " + strings.ToLower(t.columns[t.sortBy].title) + way
}

// gutter is the room left of the first column, for the cursor and the mark.
const gutter = 2

// shown are the columns for which there is room: those that must be, and of the
// others one after another, the lowest rank first, each that still fits.
func (t *table) shown(w int) (list []int) {
	order := make([]int, 0, len(t.columns))
	for i, c := range t.columns {
		if c.rank != hide {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.columns[a].rank, t.columns[b].rank) })
	left := w - gutter + 1
	for _, i := range order {
		if c := &t.columns[i]; c.rank == 0 || c.width+1 <= left {
			list = append(list, i)
			left -= c.width + 1
		}
	}
	slices.Sort(list)
	return list
}

// scroll has so many rows be seen, among them the one under the cursor.
func (t *table) scroll(height int) {
	t.height = height
	t.top = max(min(t.top, t.at, len(t.rows)-t.height), t.at-t.height+1, 0)
}

// view draws the header and as many rows as there is room for: exactly h lines
// of at most w columns.
func (t *table) view(w, h int, focused bool, th *theme) []string {
	if h <= 0 {
		return nil
	}
	shown := t.shown(w)
	widths := t.widths(shown, w)
	head := t.line(shown, widths, w, func(i int) cell { return cell{text: t.columns[i].title} }, nil)
	lines := []string{th.say(faint, strings.Repeat(" ", gutter)+head)}
	for n := t.top; n < len(t.rows) && len(lines) < h; n++ {
		lines = append(lines, t.rowView(n, shown, widths, w, focused, th))
	}
	if len(t.rows) == 0 && len(lines) < h {
		what := t.empty
		if t.filter != "" {
			what = "nothing here contains " + strconv.Quote(t.filter) + "; Esc takes the filter away"
		}
		lines = append(lines, th.say(faint, fit("  "+what, w, false)))
	}
	for len(lines) < h {
		lines = append(lines, "")
	}
	return lines
}

// more says how many rows are above and below what is seen; "" if all are seen.
func (t *table) more() string {
	below := len(t.rows) - t.top - t.height
	switch {
	case t.height <= 0: // none is seen
	case t.top > 0 && below > 0:
		return count(t.top) + " above, " + count(below) + " below"
	case t.top > 0:
		return count(t.top) + " above"
	case below > 0:
		return count(below) + " below"
	}
	return ""
}

func (t *table) widths(shown []int, w int) []int {
	widths, left := make([]int, len(shown)), w-gutter-len(shown)+1
	for at, i := range shown {
		widths[at] = t.columns[i].width
		left -= widths[at]
	}
	for at, i := range shown {
		if t.columns[i].grow && t.longest != nil {
			more := max(min(left, t.longest[i]-widths[at]), 0)
			widths[at] += more
			left -= more
		}
	}
	return widths
}

// rest are the fields of the row under the cursor that are not seen whole at that
// width, with their columns' names.
func (t *table) rest(w int) (items []string) {
	if t.cursor == "" {
		return nil
	}
	shown := t.shown(w)
	widths := t.widths(shown, w)
	for i, c := range t.columns {
		at, s := slices.Index(shown, i), t.rows[t.at].cells[i].text
		if c.rank != hide && s != "" && s != none && (at < 0 || ansi.StringWidth(s) > widths[at]) {
			items = append(items, strings.TrimSpace(c.title+" "+s))
		}
	}
	return items
}

func (t *table) rowView(n int, shown, widths []int, w int, focused bool, th *theme) string {
	r := t.rows[n]
	under, marked := n == t.at, t.marks[r.id]
	signs := []byte("  ")
	if under {
		signs[0] = '>'
	}
	if marked {
		signs[1] = '*'
	}
	cellOf := func(i int) cell { return r.cells[i] }
	switch {
	case under && focused:
		return th.say(selected, fit(string(signs)+t.line(shown, widths, w, cellOf, nil), w, false))
	case under:
		return th.say(picked, string(signs)+t.line(shown, widths, w, cellOf, nil))
	}
	return string(signs) + t.line(shown, widths, w, cellOf, th)
}

// line joins the cells of one line, behind the gutter; without colours if th is nil.
func (t *table) line(shown, widths []int, w int, of func(column int) cell, th *theme) string {
	var b strings.Builder
	for at, i := range shown {
		if at > 0 {
			b.WriteByte(' ')
		}
		c := of(i)
		s := fit(c.text, widths[at], t.columns[i].right)
		if th != nil && c.mood != plain {
			s = th.say(c.mood, s)
		}
		b.WriteString(s)
	}
	s := b.String()
	if ansi.StringWidth(s) > w-gutter {
		s = ansi.Truncate(s, w-gutter, "…")
	}
	return strings.TrimRight(s, " ")
}
