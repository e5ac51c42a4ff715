package kubernetes

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// patience is how long is waited for what should take some seconds.
const patience = time.Minute

// until waits until ok says "", or fails with what it said last.
func until(t *testing.T, what string, ok func() string) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		wrong := ok()
		if wrong == "" {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: after %s %s", what, patience, wrong)
		}
	}
}

// The base, pod by pod, as processes: each role takes its settings, all probes are answered, a function is deployed and
// called, and the connections that there are then are those that the policies allow, and no fewer.
func TestTheBaseIsASystemThatRuns(t *testing.T) {
	c, err := decode(render(t, "base"))
	if err != nil {
		t.Fatal(err)
	}
	all := pods(t, c)
	for _, p := range all {
		p.start(t, c, all)
	}
	defer stop(t, all)
	for _, p := range all {
		for _, probe := range []*corev1.Probe{p.workload.container().LivenessProbe, p.workload.container().ReadinessProbe} {
			url := fmt.Sprintf("http://%s:%d%s", p.address, p.workload.port(probe.HTTPGet.Port.StrVal), probe.HTTPGet.Path)
			until(t, p.name, func() string { return asked(url) })
		}
	}
	deployAndCall(t, all)
	until(t, "connections", func() string { return compare(c, dialled(t, all)) })
	checkSeries(t, all)
}

// asked says what is wrong with an answer to GET.
func asked(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("GET %s is answered %d: %s", url, resp.StatusCode, body)
	}
	return ""
}

// deployAndCall deploys a function as `kubectl port-forward deploy/registrar` lets one, and calls it at each frontend.
func deployAndCall(t *testing.T, all []*pod) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "main.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntr a-z A-Z\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	registrar := all[slices.IndexFunc(all, func(p *pod) bool { return p.workload.meta.Name == "registrar" })]
	deploy := exec.Command(filepath.Join(bin, "faasctl"), "deploy", "shout", script, "--admin", registrar.inner+":3001")
	if out, err := deploy.CombinedOutput(); err != nil {
		t.Fatalf("faasctl deploy: %v\n%s", err, out)
	}
	for _, p := range all {
		if p.workload.meta.Name != "frontend" {
			continue
		}
		until(t, "a call at "+p.name, func() string {
			resp, err := http.Post(fmt.Sprintf("http://%s:%d/shout", p.address, p.workload.port("http")), "text/plain", strings.NewReader("hello"))
			if err != nil {
				return err.Error()
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); string(body) != "HELLO" {
				return fmt.Sprintf("it is answered %d %q", resp.StatusCode, body)
			}
			if queue := resp.Header.Get("X-Faasd-Queue"); !strings.HasPrefix(queue, "queue-") {
				return fmt.Sprintf("its queue is %q, which is no pod's name", queue)
			}
			return ""
		})
	}
}

// compare holds connections against the policies: each must be allowed, and each that is allowed be there, or have been,
// between some pods of the two. Clients are none of ours.
func compare(c cluster, found map[connection]bool) string {
	for conn := range found {
		if conn.from != nil && !c.mayDial(within(conn.from.workload), within(conn.to.workload), named(conn.to.workload, conn.port)) {
			return fmt.Sprintf("%s has dialled port %d of %s, which no policy allows", conn.from.name, conn.port, conn.to.name)
		}
	}
	for _, to := range c.workloads {
		for _, at := range to.container().Ports {
			for _, from := range c.workloads {
				if at.Name != "http" && c.mayDial(within(from), within(to), named(to, at.ContainerPort)) && !between(found, from, to, at.ContainerPort) {
					return fmt.Sprintf("no %s has dialled port %s of a %s, which a policy allows", from, at.Name, to)
				}
			}
		}
	}
	return ""
}

func between(found map[connection]bool, from, to workload, port int32) bool {
	for conn := range found {
		if conn.port == port && conn.to.workload.meta.Name == to.meta.Name && (conn.from == nil || conn.from.workload.meta.Name == from.meta.Name) {
			return true
		}
	}
	return false
}

// named is a port with the name that a workload has for it.
func named(w workload, number int32) port {
	at := port{protocol: corev1.ProtocolTCP, number: number}
	for _, p := range w.container().Ports {
		if p.ContainerPort == number {
			at.name = p.Name
		}
	}
	return at
}

// checkSeries wants what autoscalers read to be among what the pods tell, now that nothing waits or runs.
func checkSeries(t *testing.T, all []*pod) {
	t.Helper()
	told := make(map[string]bool)
	for _, p := range all {
		resp, err := http.Get(fmt.Sprintf("http://%s:%d/metrics", p.address, p.workload.port("metrics")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(faasd_\w+)[{ ]`).FindAllStringSubmatch(string(body), -1) {
			told[m[1]] = true
		}
	}
	rules, err := readAdapter()
	if err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, rule := range rules.ExternalRules {
		queries = append(queries, rule.SeriesQuery, rule.MetricsQuery)
	}
	c, err := decode(with(t, "keda"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.keda {
		for _, trigger := range s.triggers {
			queries = append(queries, trigger.Metadata["query"])
		}
	}
	for _, name := range seriesOf(queries...) {
		if !told[name] {
			t.Errorf("%s is scaled by, and no pod tells it", name)
		}
	}
}
