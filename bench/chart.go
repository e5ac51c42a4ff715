package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes in an SVG image, in pixels. Each chart has a place of chartWidth × chartHeight, with margins around its axes.
const (
	chartWidth, chartHeight = 460, 320
	marginLeft, marginRight = 66, 16
	marginTop, marginBottom = 64, 44
	captionHeight           = 28
	chartsInRow             = 2
)

// colours of lines, in their order; they can be told apart by those who do not see red or green.
var colours = []string{"#000000", "#e69f00", "#0072b2", "#009e73", "#cc79a7", "#d55e00"}

// A chart is some lines over the same places of the x axis, which are equally far apart whatever they stand for.
type chart struct {
	title string
	x     string   // what the x axis is
	at    []string // its places
	lines []line
	log   bool // the y axis is logarithmic
}

// A line has a value for each place; zero is none.
type line struct {
	name   string
	values []spread
}

// picture draws charts as one SVG image with a caption.
func picture(caption string, charts []chart) string {
	rows := (len(charts) + chartsInRow - 1) / chartsInRow
	width, height := chartsInRow*chartWidth, rows*chartHeight+captionHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	for i, c := range charts {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%chartsInRow*chartWidth, i/chartsInRow*chartHeight)
		c.draw(&b)
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555555" font-size="11">%s</text>`+"\n</svg>\n", marginLeft, height-10, html.EscapeString(caption))
	return b.String()
}

func (c chart) draw(b *strings.Builder) {
	text := func(x, y float64, anchor, style, s string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, style, html.EscapeString(s))
	}
	text(marginLeft, 18, "start", ` font-weight="bold"`, c.title)
	ticks := c.ticks()
	for _, tick := range ticks {
		y := c.y(tick, ticks)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#dddddd"/>`+"\n", marginLeft, chartWidth-marginRight, y, y)
		text(marginLeft-6, y+4, "end", "", short(tick))
	}
	for i, at := range c.at {
		text(c.place(i), chartHeight-marginBottom+18, "middle", "", at)
	}
	text((marginLeft+chartWidth-marginRight)/2, chartHeight-8, "middle", "", c.x)
	for n, l := range c.lines {
		colour := colours[n%len(colours)]
		x, y := float64(marginLeft+n%chartsInRow*190), float64(34+n/chartsInRow*15) // the legend
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="10" height="10" fill="%s"/>`+"\n", x, y-9, colour)
		text(x+14, y, "start", ` font-size="11"`, l.name)
		l.draw(b, c, ticks, colour)
	}
}

// draw draws a line, with the quartiles of each value as a bar across it.
func (l line) draw(b *strings.Builder, c chart, ticks []float64, colour string) {
	var points []string
	for i, v := range l.values {
		if v.Median <= 0 {
			continue
		}
		x, y := c.place(i), c.y(v.Median, ticks)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, colour)
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x, x, c.y(v.Low, ticks), c.y(v.High, ticks), colour)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.Join(points, " "), colour)
}

// place is where on the x axis the place with that number is.
func (c chart) place(i int) float64 {
	const width = chartWidth - marginLeft - marginRight
	return marginLeft + width*(float64(i)+0.5)/float64(len(c.at))
}

// y is where on the y axis a value is.
func (c chart) y(value float64, ticks []float64) float64 {
	low, high := ticks[0], ticks[len(ticks)-1]
	if c.log {
		value, low, high = math.Log(value), math.Log(low), math.Log(high)
	}
	return chartHeight - marginBottom - (chartHeight-marginTop-marginBottom)*(value-low)/(high-low)
}

// ticks are the marks of the y axis; no value is below the first or above the last.
func (c chart) ticks() (ticks []float64) {
	low, high := math.Inf(1), 0.0
	for _, l := range c.lines {
		for _, v := range l.values {
			if v.Median > 0 {
				low, high = min(low, v.Low), max(high, v.High)
			}
		}
	}
	if high == 0 {
		return []float64{0, 1}
	}
	if c.log {
		for tick := math.Pow(10, math.Floor(math.Log10(low))); ; tick *= 10 {
			if ticks = append(ticks, tick); tick >= high && len(ticks) > 1 {
				return ticks
			}
		}
	}
	const wanted = 5
	step := math.Pow(10, math.Floor(math.Log10(high/wanted)))
	for _, times := range []float64{1, 2, 5, 10} {
		if step*times*wanted >= high {
			step *= times
			break
		}
	}
	for n := 0; ; n++ {
		if ticks = append(ticks, float64(n)*step); ticks[n] >= high {
			return ticks
		}
	}
}

// short writes a number of an axis.
func short(v float64) string {
	for _, unit := range []struct {
		name string
		of   float64
	}{{"M", 1e6}, {"k", 1e3}} {
		if v >= unit.of {
			return fmt.Sprintf("%g%s", v/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", v)
}
