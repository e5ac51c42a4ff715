package node

import (
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"faasd/internal/config"
	"faasd/internal/role"
)

// getText asks a telemetry.
func getText(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// eventually asks until what comes is as wanted.
func eventually(t *testing.T, url string, status int, part string) {
	t.Helper()
	var got int
	var body string
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if got, body = getText(t, url); got == status && strings.Contains(body, part) {
			return
		}
	}
	t.Fatalf("GET %s: %d, %q; want %d and %q", url, got, body, status, part)
}

// hasLines checks that a scrape has lines.
func hasLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
}

// lint has Prometheus's linter look at a scrape, and its tool where that is, as
// .ci/run sees to.
func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "faasd_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestEachRoleTellsWhatItHasDoneAndWhetherItIsReady(t *testing.T) {
	c := newCluster(t)
	broker, coordinator := c.broker.Links["metrics"], c.coordinator.Links["metrics"]
	eventually(t, coordinator+"/readyz", 200, "ok")
	eventually(t, broker+"/readyz", 503, "waits for a queue")
	eventually(t, broker+"/healthz", 200, "ok")
	_, queue := c.queue("queueA")
	eventually(t, queue.Links["metrics"]+"/readyz", 200, "ok")
	eventually(t, broker+"/readyz", 200, "ok")
	_, worker := startRole(t, Worker{
		Identity: Identity{Name: "w1"}, Functions: functions, Slots: 2, MaxBody: 1 << 20, Brokers: []string{c.broker.Links["workers"]},
	})
	eventually(t, worker.Links["metrics"]+"/readyz", 200, "ok")
	c.frontend()
	for range 7 {
		echo(t, c.url, "x")
	}
	for at, lines := range map[string][]string{
		c.url: {
			`faasd_frontend_accepted_jobs_total{name="NAME"} 7`, `faasd_frontend_jobs_total{function="echo",name="NAME",result="ok"} 7`,
			`faasd_frontend_open_jobs{name="NAME"} 0`, `faasd_frontend_job_seconds_count{function="echo",name="NAME"} 7`,
			`faasd_frontend_refused_jobs_total{name="NAME",reason="full"} 0`, `faasd_part_ready{name="NAME",role="frontend"} 1`,
		},
		broker: {
			`faasd_broker_answered_jobs_total{name="NAME"} 7`, `faasd_broker_queues{name="NAME"} 1`,
			`faasd_bus_received_messages_total{link="frontends",name="NAME",role="broker"} `,
		},
		queue.Links["metrics"]: {
			`faasd_queue_jobs_total{function="echo",name="queueA",result="ok"} 7`, `faasd_queue_waiting_jobs{function="echo",name="queueA"} 0`,
			`faasd_queue_workers{name="queueA",state="idle"} 1`, `faasd_queue_slots{name="queueA"} 2`, `faasd_queue_free_slots{name="queueA"} 2`,
			`faasd_queue_handovers_total{direction="given",name="queueA"} 0`, `faasd_queue_retries_total{name="queueA"} 0`,
		},
		worker.Links["metrics"]: {
			`faasd_worker_runs_total{function="echo",name="w1",result="ok"} 7`, `faasd_worker_run_seconds_count{function="echo",name="w1"} 7`,
			`faasd_worker_slots{name="w1"} 2`, `faasd_part_draining{name="w1",role="worker"} 0`,
		},
		coordinator: {`faasd_coordinator_members{name="NAME"} `},
	} {
		_, text := getText(t, at+"/metrics")
		lint(t, text)
		for _, line := range lines {
			before, after, named := strings.Cut(line, "NAME")
			if !named {
				hasLines(t, text, line)
			} else if i := strings.Index(text, "\n"+before); i < 0 || !strings.Contains(strings.SplitN(text[i+1:], "\n", 2)[0], after) {
				t.Errorf("%q is not in\n%s", line, text)
			}
		}
		if !strings.Contains(text, "faasd_build_info{") || !strings.Contains(text, "process_resident_memory_bytes ") || !strings.Contains(text, "faasd_part_up{") {
			t.Errorf("what runs is not told in\n%s", text)
		}
	}
}

func TestAPartThatHangsIsToldFromThoseThatLive(t *testing.T) {
	u := settings(t)
	u.Metrics = "127.0.0.1:0"
	s, err := u.open(quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	s.run()
	url := s.telemetry.url()
	eventually(t, url+"/healthz", 200, "ok")
	release := make(chan struct{})
	s.broker.get().host.Do(func(role.Time) { <-release })
	if status, body := getText(t, url+"/healthz"); status != 503 || body != "broker broker1 has not answered for 3s\n" {
		t.Errorf("%d, %q", status, body)
	}
	_, text := getText(t, url+"/metrics")
	hasLines(t, text, `faasd_part_up{name="broker1",role="broker"} 0`, `faasd_part_up{name="queueA",role="queue"} 1`)
	lint(t, text)
	close(release)
	eventually(t, url+"/healthz", 200, "ok")
}

func TestAnAddressThatIsTakenIsSaidBeforeAnythingStarts(t *testing.T) {
	_, ready := startRole(t, Coordinator{Publish: []string{anyPort}, Subscribe: []string{anyPort}})
	address := strings.TrimPrefix(ready.Links["metrics"], "http://")
	err := Run(t.Context(), Coordinator{Publish: []string{anyPort}, Subscribe: []string{anyPort}}, Process{
		Metrics: address, Log: quiet, Announce: func(config.Ready) { t.Error("it is announced") },
	})
	if want := "cannot serve metrics on " + address + ": "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "--metrics") {
		t.Errorf("%v; want %s…", err, want)
	}
}
