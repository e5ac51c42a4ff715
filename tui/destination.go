package tui

import "github.com/charmbracelet/bubbles/key"

// destination is a view that is gone to from anywhere, by a key or by a command.
type destination struct {
	word string
	key  key.Binding
	view func() view // nil is the overview, which is there already
}

func (m *model) destinations() []destination {
	k := &m.keys
	return []destination{
		{"overview", k.Overview, func() view { return nil }},
		{"workers", k.Workers, func() view { return newWorkers() }},
		{"jobs", k.Jobs, func() view { return newJobs() }},
		{"functions", k.Functions, func() view { return newFunctions() }},
		{"parts", k.Parts, func() view { return newParts() }},
		{"events", k.Events, func() view { return newEvents(m.opt.Zone) }},
		{"tests", k.Tests, func() view { return m.tests }},
		{"wrong", k.Wrong, func() view { return newWrong() }},
	}
}
