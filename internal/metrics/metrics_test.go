package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("status %d of type %q", w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

// has checks that a line is served.
func has(t *testing.T, text, line string) {
	t.Helper()
	if !strings.Contains("\n"+text, "\n"+line+"\n") {
		t.Errorf("%q is not served in\n%s", line, text)
	}
}

func TestRequestsAreCountedByStatusAndTimed(t *testing.T) {
	s := New()
	for range 3 {
		s.Request(200, 30*time.Millisecond)
	}
	s.Request(499, 2*time.Second)
	text := scrape(t, s)
	has(t, text, `faasd_http_requests_total{status="200"} 3`)
	has(t, text, `faasd_http_requests_total{status="499"} 1`)
	has(t, text, `faasd_http_request_seconds_count 4`)
	has(t, text, `faasd_http_request_seconds_sum 2.09`)
	has(t, text, `faasd_http_request_seconds_bucket{le="+Inf"} 4`)
}

func TestLinksAreReadAtEachScrape(t *testing.T) {
	s := New()
	sent := uint64(0)
	s.Links(func() []Link {
		sent++
		return []Link{
			{Role: "queue", Name: "queueA", Link: "jobs", Sent: sent, Received: 2, Dropped: 3, Malformed: 4, Ended: 5},
			{Role: "queue", Name: "queueB", Link: "jobs"},
		}
	})
	first, second := scrape(t, s), scrape(t, s)
	const labels = `{link="jobs",name="queueA",role="queue"}`
	has(t, first, "faasd_bus_sent_messages_total"+labels+" 1")
	has(t, second, "faasd_bus_sent_messages_total"+labels+" 2")
	has(t, first, "faasd_bus_received_messages_total"+labels+" 2")
	has(t, first, "faasd_bus_dropped_sends_total"+labels+" 3")
	has(t, first, "faasd_bus_malformed_messages_total"+labels+" 4")
	has(t, first, "faasd_bus_ended_connections_total"+labels+" 5")
	has(t, first, `faasd_bus_sent_messages_total{link="jobs",name="queueB",role="queue"} 0`)
}

func TestEveryMetricSaysWhatItIs(t *testing.T) {
	s := New()
	s.Request(200, time.Second)
	s.Links(func() []Link { return []Link{{Role: "r", Name: "n", Link: "l"}} })
	text := scrape(t, s)
	for line := range strings.SplitSeq(text, "\n") {
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		if !strings.HasPrefix(name, "faasd_") {
			continue
		}
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if !strings.Contains(text, "# HELP "+name+" ") || !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("%s is not explained", name)
		}
	}
	has(t, text, "# TYPE faasd_http_requests_total counter")
}
