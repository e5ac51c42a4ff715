package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A counter is a metric of Prometheus' text form; of its series, those that have one label and not another are added up.
type counter struct{ name, with, without string }

// errNoSeries says that metrics do not have a counter.
var errNoSeries = errors.New("there is no")

var (
	// published are the messages that parts send each other through the coordinator, those that it passes on not counted again:
	// state, and between queues the handing over of jobs.
	published = counter{"faasd_bus_sent_messages_total", `link="publish"`, `role="coordinator"`}
	// handovers are jobs that a queue has given to another.
	handovers = counter{"faasd_queue_handovers_total", `direction="given"`, ""}
)

// sum adds up the counter's series; that there are none is an error.
func (c counter) sum(metrics string) (sum float64, err error) {
	found := false
	for text := range strings.Lines(metrics) {
		labels, is := strings.CutPrefix(text, c.name+"{")
		if !is || !strings.Contains(labels, c.with) || c.without != "" && strings.Contains(labels, c.without) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(labels[strings.LastIndexByte(labels, ' ')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", text, err)
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("%w %s{…%s…}", errNoSeries, c.name, c.with)
	}
	return sum, nil
}

// traffic is how many of these there were each second.
type traffic struct {
	Published float64 `json:"published_per_s"`
	Handovers float64 `json:"handovers_per_s"`
}

// trafficOf measures the traffic of a system while something is done.
func trafficOf(ctx context.Context, metrics string, do func() error) (t traffic, err error) {
	began := time.Now()
	before, err := get(ctx, metrics)
	if err != nil {
		return t, err
	}
	if err := do(); err != nil {
		return t, err
	}
	after, err := get(ctx, metrics)
	if err != nil {
		return t, err
	}
	seconds := time.Since(began).Seconds()
	for _, c := range []struct {
		counter
		rate *float64
	}{{published, &t.Published}, {handovers, &t.Handovers}} {
		from, errFrom := c.sum(before)
		to, errTo := c.sum(after)
		if err := errors.Join(errFrom, errTo); err != nil {
			return t, fmt.Errorf("%s: %w", metrics, err)
		}
		*c.rate = (to - from) / seconds
	}
	return t, nil
}

// get returns what is at an address.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
