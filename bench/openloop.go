package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// openClients is at how many clients the throughput is measured of which openShare is then sent in an open loop, over
// openConnections at most. vegeta, on the same processors, takes several times as much for a request as wrk.
const (
	openClients = 128
	openShare   = 0.15

	openConnections = 512
)

// kept is the share of the requests asked for that vegeta has to send, for its latencies to be the system's and not its own.
const kept = 0.95

// An openLoop is latency under requests that come at a steady rate, whether those before have been answered or not, as users
// do. wrk waits for an answer before it sends again, so that a system that stalls is asked less while it does, and few of its
// requests are slow.
type openLoop struct {
	Rate         float64 `json:"rate"` // requests/s, asked for
	Sent         float64 `json:"sent"` // requests/s that vegeta could send
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	P999         float64 `json:"p999_us"`
	Failures     int     `json:"lost_or_wrong"`
	FirstFailure string  `json:"first_failure,omitempty"`
}

func (o *openLoop) String() string {
	s := fmt.Sprintf("open loop, %.0f of %.0f requests/s: p50 %s, p99 %s, p99.9 %s, lost or wrong %d", o.Sent, o.Rate, duration(o.P50),
		duration(o.P99), duration(o.P999), o.Failures)
	if o.FirstFailure != "" {
		s += " (" + o.FirstFailure + ")"
	}
	return s
}

// openLoop sends so many requests/s for some seconds, and looks at every answer.
func (b *bench) openLoop(ctx context.Context, sys *system, rate float64) (*openLoop, error) {
	body := sameBody(len(echoBody))
	target := vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodPost, URL: sys.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	})
	attacker := vegeta.NewAttacker(vegeta.Timeout(checkTimeout), vegeta.Connections(openConnections), vegeta.MaxWorkers(openConnections))
	defer attacker.Stop()
	o := &openLoop{Rate: rate}
	var metrics vegeta.Metrics
	pace := vegeta.Rate{Freq: max(int(rate), 1), Per: time.Second}
	for r := range attacker.Attack(target, pace, time.Duration(b.seconds)*time.Second, sys.name) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		metrics.Add(r)
		why := r.Error
		switch {
		case why != "":
		case r.Code != http.StatusOK:
			why = fmt.Sprintf("status %d: %.200s", r.Code, r.Body)
		case !bytes.Equal(r.Body, body):
			why = fmt.Sprintf("got %.100q, want %.100q", r.Body, body)
		case sys.crosses && (r.Headers.Get("X-Faasd-Queue") == "" || r.Headers.Get("X-Faasd-Worker") == ""):
			return nil, errShortcut
		default:
			continue
		}
		if o.Failures++; o.FirstFailure == "" {
			o.FirstFailure = why
		}
	}
	metrics.Close()
	micros := func(q float64) float64 { return float64(metrics.Latencies.Quantile(q)) / float64(time.Microsecond) }
	o.Sent, o.P50, o.P99, o.P999 = metrics.Rate, micros(0.5), micros(0.99), micros(0.999)
	return o, nil
}

var openColumns = []string{"system", "asked for, requests/s", "sent", "p50", "of NATS", "p99", "p99.9", "lost or wrong"}

// openRows are those of the table of open loops.
func (r report) openRows() (rows [][]string) {
	for _, k := range kinds {
		own, nats := r.opened(k.name), r.opened(natsSystem)
		if len(own) == 0 {
			continue
		}
		of := func(value func(*openLoop) float64) spread {
			return spreadOf(own, func(m *measurement) float64 { return value(m.Open) })
		}
		rate, sent := of(func(o *openLoop) float64 { return o.Rate }), of(func(o *openLoop) float64 { return o.Sent })
		failures := 0
		for _, m := range own {
			failures += m.Open.Failures
		}
		latencies := []string{"–", "–", "–", "–"}
		if sent.Median >= kept*rate.Median {
			latencies = []string{
				of(func(o *openLoop) float64 { return o.P50 }).say(duration),
				ratios(own, nats, func(m *measurement) float64 { return m.Open.P50 }).ratio(" ×"),
				of(func(o *openLoop) float64 { return o.P99 }).say(duration), of(func(o *openLoop) float64 { return o.P999 }).say(duration),
			}
		}
		row := append([]string{k.title, rate.format("%.0f"), sent.format("%.0f")}, latencies...)
		rows = append(rows, append(row, fmt.Sprint(failures)))
	}
	return rows
}

// opened are the measurements of a system that have an open loop.
func (r report) opened(system string) (list []measurement) {
	for _, m := range r.Measurements {
		if m.System == system && m.Open != nil {
			list = append(list, m)
		}
	}
	return list
}

func (r report) openHeading() string {
	return r.taken() + "\n" + fmt.Sprintf("%s; %d s each; vegeta %s.", r.spreads(), r.Seconds, r.Machine.Vegeta)
}
