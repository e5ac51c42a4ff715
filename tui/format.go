package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/oklog/ulid/v2"
)

// none stands where there is no number.
const none = "-"

// count writes a number with commas: "1,102".
func count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// perSecond writes a rate in at most 5 columns: "0", "0.3", "410", "12.1k".
func perSecond(r float64) string {
	switch {
	case r < 0.05:
		return "0"
	case r < 9.95:
		return fmt.Sprintf("%.1f", r)
	case r < 999.5:
		return fmt.Sprintf("%.0f", r)
	case r < 99_950:
		return fmt.Sprintf("%.1fk", r/1000)
	case r < 999_500:
		return fmt.Sprintf("%.0fk", r/1000)
	}
	return fmt.Sprintf("%.1fM", r/1e6)
}

// span writes a time in at most 6 columns: "0.6ms", "24ms", "3.4s", "4m10s", "3d04h".
func span(d time.Duration) string {
	switch ms := float64(d) / 1e6; {
	case d <= 0:
		return none
	case ms < 9.95:
		return fmt.Sprintf("%.1fms", max(ms, 0.1))
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// seconds writes a time in whole seconds, as long as it is short: "6s", "4m10s".
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return span(d)
}

// millis writes a time given in ms.
func millis[N int64 | float64](ms N) string { return span(time.Duration(float64(ms) * 1e6)) }

// tail is the end of an id, which tells jobs apart: "…8fe2".
func tail(id string) string {
	r := []rune(clean(id))
	if len(r) <= 4 {
		return string(r)
	}
	return "…" + string(r[len(r)-4:])
}

// plural counts things: "1 job", "2 jobs".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// clean takes out of a text of others what a terminal would obey, what is not seen
// and what turns text round, and puts it on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= ' ' && r <= '~': // most are
			return r
		case r == '\n' || r == '\t':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return '\ufffd'
		}
		return r
	}, s)
}

// ascii replaces what the screen itself writes.
var ascii = strings.NewReplacer(
	"─", "-", "═", "=", "…", "~", "▁", "_", "▂", "_", "▃", ".", "▄", "-", "▅", "=", "▆", "+", "▇", "*", "█", "#",
	"±", "+", "—", "-", "↑", "^", "↓", "v", "→", ">", "←", "<", "×", "x", "✓", "+", "✗", "x", "–", "-", "�", "?", "›", ">", "▏", "|",
)

// toASCII replaces what terminals without Unicode do not have.
func toASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, ascii.Replace(s))
}

// fit makes a text exactly w columns wide.
func fit(s string, w int, right bool) string {
	n := ansi.StringWidth(s)
	switch {
	case w <= 0:
		return ""
	case n > w:
		return ansi.Truncate(s, w, "…")
	case right:
		return strings.Repeat(" ", w-n) + s
	}
	return s + strings.Repeat(" ", w-n)
}

// sparks are the levels of a sparkline, the lowest first.
var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the last w values on a scale from 0 to the largest of them.
func sparkline(values []float64, w int) string {
	values = values[max(0, len(values)-w):]
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", w-len(values)))
	for _, v := range values {
		level := 0
		if most > 0 {
			level = int(v / most * float64(len(sparks)-1))
		}
		b.WriteRune(sparks[level])
	}
	return b.String()
}

// flow puts items on lines of at most w columns, two spaces apart. Lines after the
// first are indented. What is wider than a line is broken.
func flow(items []string, w, indent int) (lines []string) {
	margin, line := "", ""
	for _, item := range items {
		for _, piece := range strings.Split(ansi.Wrap(item, max(w-indent, 1), ""), "\n") {
			switch {
			case line == "":
				line = piece
			case ansi.StringWidth(margin+line)+2+ansi.StringWidth(piece) <= w:
				line += "  " + piece
			default:
				lines = append(lines, margin+line)
				margin, line = strings.Repeat(" ", indent), piece
			}
		}
	}
	return append(lines, margin+line)
}

// indented breaks a text into lines of at most w columns, by so many from the left.
func indented(s string, by, w int) []string {
	lines := strings.Split(ansi.Wrap(s, max(w-by, 1), ""), "\n")
	for i, l := range lines {
		lines[i] = strings.Repeat(" ", by) + l
	}
	return lines
}

// fitStyled cuts a text that may have colours to w columns.
func fitStyled(s string, w int) string {
	if ansi.StringWidth(s) > w {
		return ansi.Truncate(s, w, "…")
	}
	return s
}

// came is when a job's request came, which its id tells.
func came(id string, zone *time.Location) string {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return "at an unknown time"
	}
	return "at " + ulid.Time(parsed.Time()).In(zone).Format("15:04:05.000")
}
