package metrics

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("status %d of type %q:\n%s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return w.Body.String()
}

// has checks that lines are served.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("%q is not served in\n%s", line, text)
		}
	}
}

func TestRequestsAreCountedByStatusAndTimed(t *testing.T) {
	s := New(Build{Version: "v1", Commit: "c", Go: "go", ZeroMQ: "4"})
	for range 3 {
		s.Request(200, 30*time.Millisecond)
	}
	s.Request(499, 2*time.Second)
	has(t, scrape(t, s),
		`faasd_http_requests_total{status="200"} 3`,
		`faasd_http_requests_total{status="499"} 1`,
		`faasd_http_request_seconds_count 4`,
		`faasd_http_request_seconds_sum 2.09`,
		`faasd_http_request_seconds_bucket{le="+Inf"} 4`,
		`faasd_build_info{commit="c",go="go",version="v1",zeromq="4"} 1`)
}

func TestWhatIsReadIsReadAtEachScrape(t *testing.T) {
	s := New(Build{})
	sent := 0.0
	s.Read(func(to *Sink) {
		sent++
		to.Set(BusSent, sent, "queue", "queueA", "jobs")
		to.Flag(PartUp, true, "queue", "queueA")
		to.Flag(PartUp, false, "queue", "queueB")
	})
	has(t, scrape(t, s), `faasd_bus_sent_messages_total{link="jobs",name="queueA",role="queue"} 1`)
	has(t, scrape(t, s), `faasd_bus_sent_messages_total{link="jobs",name="queueA",role="queue"} 2`,
		`faasd_part_up{name="queueA",role="queue"} 1`, `faasd_part_up{name="queueB",role="queue"} 0`)
}

func named(result int) string { return map[int]string{0: "ok", 4: "expired"}[result] }

func TestATallyTellsResultsAndTimesByFunction(t *testing.T) {
	s := New(Build{})
	var jobs Tally
	s.Read(func(to *Sink) { to.Tally(&jobs, QueueJobs, QueueJobSeconds, "queueA", named) })
	jobs.Add("echo", 0, 50*time.Microsecond)
	jobs.Add("echo", 0, 100*time.Microsecond) // a bucket has its bound
	jobs.Add("echo", 4, 1000*time.Second)
	jobs.Add("resize", 0, -time.Second) // a clock that went back
	has(t, scrape(t, s),
		`faasd_queue_jobs_total{function="echo",name="queueA",result="ok"} 2`,
		`faasd_queue_jobs_total{function="echo",name="queueA",result="expired"} 1`,
		`faasd_queue_job_seconds_bucket{function="echo",name="queueA",le="0.0001"} 2`,
		`faasd_queue_job_seconds_bucket{function="echo",name="queueA",le="900"} 2`,
		`faasd_queue_job_seconds_bucket{function="echo",name="queueA",le="+Inf"} 3`,
		`faasd_queue_job_seconds_count{function="echo",name="queueA"} 3`,
		`faasd_queue_job_seconds_sum{function="echo",name="queueA"} 1000.00015`,
		`faasd_queue_job_seconds_sum{function="resize",name="queueA"} 0`)
}

func TestFunctionsBeyondTheBoundAreToldTogether(t *testing.T) {
	s := New(Build{})
	var jobs Tally
	s.Read(func(to *Sink) { to.Tally(&jobs, QueueJobs, QueueJobSeconds, "q", named) })
	for i := range 3 * MaxFunctions {
		jobs.Add(fmt.Sprint("f", i), 0, time.Millisecond)
	}
	jobs.Add("f0", 0, time.Millisecond)
	text := scrape(t, s)
	has(t, text, `faasd_queue_jobs_total{function="f0",name="q",result="ok"} 2`,
		fmt.Sprintf(`faasd_queue_jobs_total{function="(others)",name="q",result="ok"} %d`, 2*MaxFunctions))
	if n := strings.Count(text, "\nfaasd_queue_jobs_total{"); n != MaxFunctions+1 {
		t.Errorf("%d functions are told apart, want %d and the others", n-1, MaxFunctions)
	}
	if got := jobs.Label("f1"); got != "f1" {
		t.Errorf("a function that is told apart is called %q", got)
	}
	if got := jobs.Label("another"); got != Others {
		t.Errorf("another is called %q", got)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	var jobs Tally
	if n := testing.AllocsPerRun(100, func() { jobs.Add("echo", 0, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations for a job", n)
	}
}

var name = regexp.MustCompile(`^faasd(_[a-z]+)+$`)

func TestNamesAreOfOneKind(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range All {
		if !name.MatchString(m.Name) || seen[m.Name] || m.Help == "" {
			t.Errorf("%q is declared badly, or twice", m.Name)
		}
		if total := strings.HasSuffix(m.Name, "_total"); total != (m.Kind == counter) {
			t.Errorf("%s is a %s", m.Name, m.Kind)
		}
		seen[m.Name] = true
	}
}
