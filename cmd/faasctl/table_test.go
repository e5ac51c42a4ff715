package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"faasd/internal/operator"
)

// drawn is a picture with something of everything in it.
func drawn(t *testing.T) operator.Picture {
	t.Helper()
	text, err := os.ReadFile("testdata/picture.json")
	if err != nil {
		t.Fatal(err)
	}
	var p operator.Picture
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTables(t *testing.T) {
	p := drawn(t)
	for name, print := range map[string]func(io.Writer) error{
		"status.txt": func(w io.Writer) error { return printStatus(w, p) },
		"jobs.txt":   func(w io.Writer) error { return printJobs(w, p.Jobs) },
		"events.txt": func(w io.Writer) error {
			for _, e := range []operator.Event{
				{Millis: 1795461651882, Level: "warn", Name: "queueA", Kind: "worker-lost", Worker: "w-2c10aa", Text: "lost (silent for 3 s) with 1 job"},
				{Millis: 1795461652000, Level: "info", Name: "queueB", Kind: "job-given-up", Job: "01JQXM7C2N8RZ5V0T4W6Y3HGKE", Text: "with\x1b[2J an escape"},
			} {
				if err := printEvent(w, e, time.UTC); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := print(&got); err != nil {
				t.Fatal(err)
			}
			golden(t, name, got.String())
		})
	}
}
