package tui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

// scale has the `faasd up` that is seen keep as many workers as was typed: "5", or
// "worker=5" as faasctl has it.
func (m *model) scale(typed string) tea.Cmd {
	if !m.usable() {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(typed, "worker="))
	if err != nil || n < 1 {
		m.say(bad, "write scale N, with how many workers to keep, 1 or more; to keep none: faasctl scale worker=0")
		return nil
	}
	supervisors := slices.DeleteFunc(slices.Clone(m.shown.Picture.Supervisors), func(p operator.Part) bool { return p.State != operator.StateOK })
	switch len(supervisors) {
	case 0:
		m.say(bad, "nothing here scales workers: they were started one by one, not by faasd up; start or stop faasd worker")
		return nil
	case 1:
	default:
		m.say(bad, "%d faasd up are in sight: faasctl scale worker=%d --data names the one that is meant", len(supervisors), n)
		return nil
	}
	d := deed{verbScale, supervisors[0].Incarnation.String(), fmt.Sprintf("worker=%d", n)}
	cmd := m.begin(d, func(ctx context.Context, tell func(operator.Progress)) error {
		return m.opt.System.Scale(ctx, supervisors[0], n, tell)
	})
	m.asked(d.verb, d.name, cmd != nil)
	return cmd
}
