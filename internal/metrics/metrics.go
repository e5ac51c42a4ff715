// Package metrics declares every metric once, and serves them in Prometheus'
// text form.
//
// Roles are owned by one goroutine each and know nothing of Prometheus: they
// count in fields of their own, and in a [Tally], and say what they have counted
// to a [Sink] when somebody asks.
package metrics

import (
	"bytes"
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

// A Page is what a scraper is answered.
type Page struct {
	Status int
	Head   http.Header
	Body   bytes.Buffer
}

// Page is the set as a scraper takes it that says what it accepts, in the headers
// Accept and Accept-Encoding: for servers that are not net/http's.
func (s *Set) Page(accept, encoding string) *Page {
	p := &Page{Status: http.StatusOK, Head: make(http.Header)}
	s.Handler().ServeHTTP(p, &http.Request{Method: http.MethodGet, Header: http.Header{"Accept": {accept}, "Accept-Encoding": {encoding}}})
	return p
}

// Header is the page's, for the handler that writes it.
func (p *Page) Header() http.Header { return p.Head }

// WriteHeader sets the page's status.
func (p *Page) WriteHeader(status int) { p.Status = status }

// Write adds to the page's body.
func (p *Page) Write(b []byte) (int, error) { return p.Body.Write(b) }

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
