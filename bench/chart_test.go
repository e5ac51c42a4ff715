package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestThePictureHasALineForEachSystem(t *testing.T) {
	folder := t.TempDir()
	document := filepath.Join(folder, "docs.md")
	if err := os.WriteFile(document, []byte("<!-- plot: begin -->\n<!-- plot: end -->\n<!-- numbers: begin --><!-- numbers: end -->"+
		"<!-- bodies: begin --><!-- bodies: end --><!-- budgets: begin --><!-- budgets: end -->"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := report{Build: "v1 & <2>", Rounds: 1}
	for _, system := range []string{bareSystem, upSystem} {
		for _, l := range []load{{1, 24}, {32, 24}, {128, 24}, {32, 1024}} {
			r.Measurements = append(r.Measurements, measurement{
				Round: 1, System: system, load: l, RPS: 1000, CPU: 0.1, Memory: 1 << 20,
				wrkResult: wrkResult{P50: 100, P99: 900},
			})
		}
	}
	r.Results = summarize(r.Measurements)
	if err := r.write("", document, filepath.Join(folder, "curves.svg")); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(filepath.Join(folder, "curves.svg"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for decoder := xml.NewDecoder(strings.NewReader(string(image))); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
	// Four charts over three numbers of clients, two over two bodies; two systems in each.
	if count["polyline"] != 12 || count["circle"] != 4*2*3+2*2*2 || !strings.Contains(string(image), "v1 &amp; &lt;2&gt;") {
		t.Errorf("there are %v in\n%s", count, image)
	}
	text, err := os.ReadFile(document)
	if err != nil || !strings.Contains(string(text), "](curves.svg)\n<!-- plot: end -->") {
		t.Errorf("the document is %s, %v", text, err)
	}
}

func TestAxesHoldAllValues(t *testing.T) {
	of := func(log bool, values ...float64) []float64 {
		l := line{}
		for _, v := range values {
			l.values = append(l.values, spread{v, v, v})
		}
		return chart{lines: []line{l}, log: log}.ticks()
	}
	for _, c := range []struct{ got, want []float64 }{
		{of(false, 7, 0, 93), []float64{0, 20, 40, 60, 80, 100}},
		{of(false, 1000), []float64{0, 200, 400, 600, 800, 1000}},
		{of(true, 47, 0, 20_000), []float64{10, 100, 1000, 10_000, 100_000}},
		{of(true, 10), []float64{10, 100}},
		{of(true), []float64{0, 1}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}
