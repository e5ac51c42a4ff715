package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/metrics"
	"faasd/internal/role"
)

const (
	// measureWithin is how long a part is waited for at a scrape.
	measureWithin = time.Second
	// livesWithin is how long a part may take to answer before it counts as hung.
	livesWithin = 3 * time.Second
	// telemetryWithin bounds one request, of which each is small, and telemetryIdle
	// the wait for another one.
	telemetryWithin = 10 * time.Second
	telemetryIdle   = 2 * time.Minute
)

// newMetrics are the metrics of this process, with those of its parts, which are
// asked for at each scrape.
func newMetrics(parts func() []*Part) *metrics.Set {
	set := metrics.New(metrics.Build{Version: config.Version, Commit: config.Commit, Go: runtime.Version(), ZeroMQ: bus.Version()})
	set.Read(func(to *metrics.Sink) {
		together(parts(), func(p *Part) *metrics.Sink { return p.measured() }, to.Add)
	})
	return set
}

// together asks all parts at the same time, so that several that hang take no
// longer than one, and passes on what they say.
func together[T any](parts []*Part, ask func(*Part) T, take func(T)) {
	said := make([]T, len(parts))
	var asking sync.WaitGroup
	for i, p := range parts {
		asking.Go(func() { said[i] = ask(p) })
	}
	asking.Wait()
	for _, s := range said {
		take(s)
	}
}

// ask has fn run in the owner's turn and waits for so long at most; false if the
// part has stopped or did not get to it. fn may still run then.
func ask[T any](p *Part, within time.Duration, fn func(now role.Time) T) (answer T, ok bool) {
	said := make(chan T, 1)
	if !p.host.Do(func(now role.Time) { said <- fn(now) }) {
		return answer, false
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case answer = <-said:
		return answer, true
	case <-p.ended:
	case <-timer.C:
	}
	return answer, false
}

// measured is what the part has counted.
func (p *Part) measured() *metrics.Sink {
	to, up := ask(p, measureWithin, func(now role.Time) *metrics.Sink {
		to := new(metrics.Sink)
		to.Flag(metrics.PartReady, p.machine.Waits() == "", p.id.Role, p.id.Name)
		p.machine.Measure(now, to)
		return to
	})
	if !up {
		to = new(metrics.Sink)
	}
	to.Flag(metrics.PartUp, up, p.id.Role, p.id.Name)
	for _, s := range p.host.Stats() {
		for m, n := range map[*metrics.Metric]uint64{
			metrics.BusSent: s.SentMessages, metrics.BusSentBytes: s.SentBytes,
			metrics.BusReceived: s.ReceivedMessages, metrics.BusReceivedBytes: s.ReceivedBytes,
			metrics.BusDropped: s.DroppedSends, metrics.BusEnded: s.EndedConnections, metrics.BusMalformed: p.machine.MalformedOn(s.Link),
		} {
			to.Set(m, float64(n), p.id.Role, p.id.Name, s.Name)
		}
	}
	return to
}

// telemetry serves a process's metrics, and whether its parts live and are ready.
// The nil telemetry serves nothing.
type telemetry struct {
	listener net.Listener
	server   *http.Server
}

// openTelemetry listens on an address, or, if that is "", on none; run serves.
func openTelemetry(address string, set *metrics.Set, parts func() []*Part, log *slog.Logger) (*telemetry, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		advice := "choose an address and port that this user may listen on with --metrics"
		if errors.Is(err, syscall.EADDRINUSE) {
			advice = "stop whoever uses it, or choose another with --metrics (port 0 picks a free one)"
		}
		return nil, fmt.Errorf("cannot serve metrics on %s: %w; %s", address, plain(err), advice)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", set.Handler())
	mux.Handle("GET /healthz", verdict(parts, (*Part).hangs))
	mux.Handle("GET /readyz", verdict(parts, (*Part).unready))
	return &telemetry{listener: l, server: &http.Server{
		Handler: mux, ReadTimeout: telemetryWithin, WriteTimeout: telemetryWithin, IdleTimeout: telemetryIdle, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// verdict answers 200 if nothing is wrong with any part, else 503 and what is.
func verdict(parts func() []*Part, wrong func(*Part) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var all []string
		together(parts(), wrong, func(what string) {
			if what != "" {
				all = append(all, what+"\n")
			}
		})
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if len(all) == 0 {
			all = []string{"ok\n"}
		} else {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(strings.Join(all, "")))
	})
}

// hangs says that the part does not answer; "" if it does.
func (p *Part) hangs() string { return p.wrong(func() string { return "" }) }

// unready says why the part does not do what it is for; "" if it does.
func (p *Part) unready() string { return p.wrong(p.machine.Waits) }

// wrong says of which part it is what is wrong with it, which is asked in the
// owner's turn, or that it does not answer.
func (p *Part) wrong(what func() string) string {
	said, ok := ask(p, livesWithin, func(role.Time) string { return what() })
	if !ok {
		said = fmt.Sprintf("has not answered for %s", livesWithin)
	}
	if said == "" {
		return ""
	}
	return p.id.Role + " " + p.id.Name + " " + said
}

func (t *telemetry) run() {
	if t != nil {
		go func() { _ = t.server.Serve(t.listener) }()
	}
}

// url is where it is reached; "" if nowhere.
func (t *telemetry) url() string {
	if t == nil {
		return ""
	}
	return "http://" + config.Dialable(t.listener.Addr().String())
}

// close stops serving, or gives back the address of one that never ran.
func (t *telemetry) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if t.server.Shutdown(ctx) != nil {
		_ = t.server.Close()
	}
	_ = t.listener.Close()
}
