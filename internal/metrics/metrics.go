// Package metrics declares every metric once, and serves them in Prometheus'
// text form.
//
// Roles are owned by one goroutine each and know nothing of Prometheus: they
// count in fields of their own, and in a [Tally], and say what they have counted
// to a [Sink] when somebody asks.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build is what runs, for faasd_build_info.
type Build struct{ Version, Commit, Go, ZeroMQ string }

// Set is the metrics of one process.
type Set struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// New makes a set, all zero.
func New(b Build) *Set {
	s := &Set{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: HTTPRequests.Name, Help: HTTPRequests.Help}, HTTPRequests.Labels),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: HTTPSeconds.Name, Help: HTTPSeconds.Help, Buckets: bounds[:]}),
	}
	s.registry.MustRegister(s.requests, s.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.Read(func(to *Sink) { to.Set(BuildInfo, 1, b.Version, b.Commit, b.Go, b.ZeroMQ) })
	return s
}

// Request counts an answered HTTP request.
func (s *Set) Request(status int, took time.Duration) {
	s.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	s.seconds.Observe(took.Seconds())
}

// Read has read called at each scrape, by any goroutine.
func (s *Set) Read(read func(to *Sink)) { s.registry.MustRegister(collector(read)) }

// Handler serves the set.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}

// collector is a function that is read at each scrape. It describes nothing
// beforehand: which roles a process has is known only then.
type collector func(to *Sink)

func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads.
func (c collector) Collect(out chan<- prometheus.Metric) {
	var to Sink
	c(&to)
	for _, m := range to.got {
		out <- m
	}
}
