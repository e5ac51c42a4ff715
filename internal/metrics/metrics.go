// Package metrics declares every metric once. They are served, in Prometheus'
// text form, by a frontend's GET /metrics.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is the metrics of one process.
type Set struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// New makes a set, all zero.
func New() *Set {
	s := &Set{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faasd_http_requests_total",
			Help: "HTTP requests answered by this frontend, by status; 499 is a client that went away.",
		}, []string{"status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "faasd_http_request_seconds",
			Help:    "Time from a request's header to the end of its answer, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 14),
		}),
	}
	s.registry.MustRegister(s.requests, s.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Request counts an answered HTTP request.
func (s *Set) Request(status int, took time.Duration) {
	s.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	s.seconds.Observe(took.Seconds())
}

// Link is one link's counters as the bus keeps them.
type Link struct {
	Role, Name, Link        string
	Sent, Received, Dropped uint64 // messages
	Malformed               uint64
	Ended                   uint64 // connections
}

// Links has the counters of all links of this process read at each scrape.
func (s *Set) Links(read func() []Link) {
	s.registry.MustRegister(&linkCollector{read: read})
}

// Handler serves the set.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}

type linkCollector struct{ read func() []Link }

var linkLabels = []string{"role", "name", "link"}

var (
	sentDesc      = prometheus.NewDesc("faasd_bus_sent_messages_total", "Messages handed to ZeroMQ, by link.", linkLabels, nil)
	receivedDesc  = prometheus.NewDesc("faasd_bus_received_messages_total", "Messages taken from ZeroMQ, by link.", linkLabels, nil)
	droppedDesc   = prometheus.NewDesc("faasd_bus_dropped_sends_total", "Messages that ZeroMQ would not take; links repeat them.", linkLabels, nil)
	malformedDesc = prometheus.NewDesc("faasd_bus_malformed_messages_total", "Messages that could not be used and were dropped, and connections refused because they do not speak ZeroMQ's protocol, by link.", linkLabels, nil)
	endedDesc     = prometheus.NewDesc("faasd_bus_ended_connections_total", "Connections to a bound link that ended: the other side went, was silent, or began a frame of more than twice the link's limit.", linkLabels, nil)
)

// Describe tells what Collect gives.
func (c *linkCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sentDesc, receivedDesc, droppedDesc, malformedDesc, endedDesc} {
		out <- d
	}
}

// Collect reads the counters.
func (c *linkCollector) Collect(out chan<- prometheus.Metric) {
	for _, l := range c.read() {
		for d, v := range map[*prometheus.Desc]uint64{
			sentDesc: l.Sent, receivedDesc: l.Received, droppedDesc: l.Dropped, malformedDesc: l.Malformed, endedDesc: l.Ended,
		} {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), l.Role, l.Name, l.Link)
		}
	}
}
