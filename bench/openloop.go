package main

import (
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
	Late         float64 `json:"late_p50_us"` // how long after it was due a request was sent: in P50 of this, too
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

// openLoop sends so many requests/s for some seconds, and looks at every answer. A latency is counted from when its request was
// due: one that had to wait, because all connections were taken by requests that are not answered, is as late for its user.
func (b *bench) openLoop(ctx context.Context, sys *system, rate float64) (*openLoop, error) {
	body := sameBody(len(echoBody))
	target := vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodPost, URL: sys.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	})
	attacker := vegeta.NewAttacker(vegeta.Timeout(checkTimeout), vegeta.Connections(openConnections), vegeta.MaxWorkers(openConnections))
	pace := &pacer{interval: time.Duration(float64(time.Second) / rate)}
	o := &openLoop{Rate: rate}
	var latencies, late []float64 // µs
	var shortcut bool
	began, last := time.Now(), time.Now()
	for r := range attacker.Attack(target, pace, time.Duration(b.seconds)*time.Second, "") {
		if ctx.Err() != nil {
			attacker.Stop() // and take what is still answered, so that nothing of it stays
			continue
		}
		due := began.Add(pace.due(r.Seq))
		latencies = append(latencies, micros(max(r.Timestamp.Add(r.Latency).Sub(due), 0)))
		late = append(late, micros(max(r.Timestamp.Sub(due), 0)))
		if r.Timestamp.After(last) {
			last = r.Timestamp
		}
		why := openFault(r, body)
		if why == "" {
			shortcut = shortcut || sys.crosses && (r.Headers.Get(queueHeader) == "" || r.Headers.Get(workerHeader) == "")
			continue
		}
		if o.Failures++; o.FirstFailure == "" {
			o.FirstFailure = why
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case shortcut:
		return nil, errShortcut
	case len(latencies) == 0:
		return nil, fmt.Errorf("vegeta sent nothing within %d s", b.seconds)
	}
	o.Sent = float64(len(latencies)) / last.Sub(began).Seconds()
	o.P50, o.P99, o.P999 = percentile(latencies, 0.5), percentile(latencies, 0.99), percentile(latencies, 0.999)
	o.Late = percentile(late, 0.5)
	return o, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// openFault says what is wrong with an answer in an open loop, or nothing.
func openFault(r *vegeta.Result, want []byte) string {
	if r.Error != "" && r.Code == 0 {
		return r.Error
	}
	return fault(answer{status: int(r.Code), body: r.Body}, nil, want)
}

var openColumns = []string{"system", "asked for, requests/s", "sent", "late, p50", "p50", "of NATS", "p99", "p99.9", "lost or wrong"}

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
		latencies := []string{"–", "–", "–", "–", "–"}
		if sent.Median >= kept*rate.Median {
			latencies = []string{
				of(func(o *openLoop) float64 { return o.Late }).say(duration),
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
