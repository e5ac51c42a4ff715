package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

// large is a system of 30 queues and 1,000 workers, each of which runs a job.
func large() *theSystem {
	s := busy()
	p := &s.picture
	queue, worker, job := p.Queues[0], p.Workers[2], p.Jobs[0]
	p.Queues, p.Workers, p.Jobs = nil, nil, nil
	for i := range 30 {
		q := queue
		q.Name, q.Incarnation = fmt.Sprint("queue", i), operator.Incarnation(1000+i)
		p.Queues = append(p.Queues, q)
	}
	for i := range 1000 {
		w := worker
		w.ID, w.Name = fmt.Sprintf("%016x", i), fmt.Sprintf("w-%06x", i)
		w.Queue, w.QueueIncarnation = p.Queues[i%30].Name, p.Queues[i%30].Incarnation
		p.Workers = append(p.Workers, w)
		j := job
		j.ID, j.Worker, j.Queue = fmt.Sprintf("%026d", i), w.Name, w.Queue
		p.Jobs = append(p.Jobs, j)
	}
	p.Jobs = slices.Repeat(p.Jobs, 6) // 200 of each queue
	for i := range maxEvents {
		s.events = append(s.events, event(i+10, "info", "queue1", "worker-joined", "w-000001", "joined queue1 with 8 slots"))
	}
	return s
}

// A key press: what it changes, and the whole screen drawn anew.
func BenchmarkKey(b *testing.B) {
	for view, keys := range map[string]string{"overview": "o", "workers": "a", "workers sorted": "as", "jobs": "i", "events": "e"} {
		b.Run(view, func(b *testing.B) {
			m := benchmarked(b, large())
			for _, k := range keys {
				m.Update(keyMsg(string(k)))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Update(keyMsg([]string{"down", "up"}[i/100%2]))
				_ = m.View()
			}
		})
	}
}

// What comes once an interval: a new snapshot, shown.
func BenchmarkSnapshot(b *testing.B) {
	system := large()
	feed := NewFeed(system, time.Now)
	m := benchmarked(b, system)
	b.ReportAllocs()
	for b.Loop() {
		m.Update(feed.Snapshot())
		_ = m.View()
	}
}

func benchmarked(b *testing.B, system System) *model {
	m, err := newModel(Options{System: system, Interval: time.Second, Theme: "auto", Colour: true, Zone: time.UTC})
	if err != nil {
		b.Fatal(err)
	}
	m.Update(tea.WindowSizeMsg{Width: 160, Height: 50})
	m.Update(NewFeed(system, time.Now).Snapshot())
	return m
}
