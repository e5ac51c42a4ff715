package proc_test

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"faasd/internal/proc"
)

// layout is a system of fake programs that bind what the real ones do.
func layout(base proc.Layout) proc.Layout {
	base.Bin = os.Args[0]
	base.Env = []string{fakeVariable + "=role"}
	return base
}

func startSystem(t *testing.T, l proc.Layout) *proc.System {
	t.Helper()
	s, err := proc.StartSystem(deadline(t), layout(l))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Kill()
		_ = os.RemoveAll(s.Logs())
	})
	return s
}

func TestSystemStartsTheReportsNineProcesses(t *testing.T) {
	s := startSystem(t, proc.Report())
	want := []string{
		"coordinator1", "broker1", "queueA", "queueB", "queueC",
		"worker1", "worker2", "worker3", "frontend1",
	}
	if got := s.Names(); !reflect.DeepEqual(got, want) {
		t.Errorf("parts = %v", got)
	}
	subscribe, responses := s.Endpoints("coordinator", "subscribe"), s.Endpoints("broker", "responses")
	if len(subscribe) != 1 || len(responses) != 1 || len(s.URLs()) != 1 {
		t.Fatalf("endpoints %v, %v, URLs %v", subscribe, responses, s.URLs())
	}
	wantArgs := "queue --name queueB --worker-bind tcp://127.0.0.1:0 --broker " + responses[0] +
		" --broker-jobs " + s.Endpoints("broker", "jobs")[0] + " --coordinator " + subscribe[0]
	if log := s.Process("queueB").Tail(10); !strings.Contains(log, wantArgs) {
		t.Errorf("queueB was started with %q, want %q", log, wantArgs)
	}
	if err := s.Stop(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Logs()); !os.IsNotExist(err) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
}

func TestSystemOfTwoBrokersNamesBothToEveryone(t *testing.T) {
	s := startSystem(t, proc.Layout{Coordinators: 2, Brokers: 2, Frontends: 1})
	worker, err := s.AddWorker(deadline(t), "--slots", "4")
	if err != nil {
		t.Fatal(err)
	}
	want := "worker --name worker1 --broker " + strings.Join(s.Endpoints("broker", "workers"), ",") + " --slots 4"
	if log := worker.Tail(10); !strings.Contains(log, want) || strings.Count(want, "tcp://") != 2 {
		t.Errorf("worker1 was started with %q, want %q", log, want)
	}
}

// elsewhere is a Detour that only takes notes.
type elsewhere struct {
	started map[string]int
	bound   map[string][]string
}

func (e *elsewhere) Host(part string) string      { return part + ".example" }
func (e *elsewhere) Started(part string, pid int) { e.started[part] = pid }

func (e *elsewhere) Bound(part string, addresses []string) error {
	e.bound[part] = addresses
	return nil
}

func TestDetourIsAdvertisedAndDialledInPlaceOfWhatIsBound(t *testing.T) {
	d := &elsewhere{started: make(map[string]int), bound: make(map[string][]string)}
	s := startSystem(t, proc.Layout{Coordinators: 1, Brokers: 2, Queues: 1, Workers: 1, Detour: d})
	port := func(role, link string, i int) string {
		_, port, _ := strings.Cut(s.Endpoints(role, link)[i], "tcp://127.0.0.1:")
		return port
	}
	wantArgs := "queue --name queueA --advertise queueA.example --worker-bind tcp://127.0.0.1:0" +
		" --broker tcp://broker1.example:" + port("broker", "responses", 0) + ",tcp://broker2.example:" + port("broker", "responses", 1)
	if log := s.Process("queueA").Tail(10); !strings.Contains(log, wantArgs) {
		t.Errorf("queueA was started with %q, want %q", log, wantArgs)
	}
	if log := s.Process("worker1").Tail(10); strings.Contains(log, "--advertise") {
		t.Errorf("worker1 binds nothing and was started with %q", log)
	}
	if len(d.bound) != 4 || len(d.bound["broker1"]) != 4 || d.bound["queueA"][0] != "127.0.0.1:"+port("queue", "workers", 0) {
		t.Errorf("bound are %v", d.bound)
	}
	if len(d.started) != 5 || d.started["worker1"] != s.Process("worker1").Pid() {
		t.Errorf("started are %v", d.started)
	}
}

func TestRestartedPartHasTheEndpointsItHad(t *testing.T) {
	s := startSystem(t, proc.Report())
	for _, name := range s.Names() {
		role := strings.TrimRight(name, "0123456789ABC")
		links := []string{"publish", "subscribe", "frontends", "workers", "jobs", "responses", "replies"}
		bound := func() (all [][]string) {
			for _, link := range links {
				all = append(all, s.Endpoints(role, link))
			}
			return append(all, s.URLs())
		}
		before, process := bound(), s.Process(name)
		if _, err := s.Start(deadline(t), name); err == nil {
			t.Fatalf("%s started twice", name)
		}
		if name == "queueA" { // a crash, then a start
			if err := process.Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Start(deadline(t), name); err != nil {
				t.Fatal(err)
			}
		} else if _, err := s.Restart(deadline(t), name); err != nil {
			t.Fatal(err)
		}
		if after := bound(); !reflect.DeepEqual(before, after) {
			t.Errorf("%s bound %v, then %v", name, before, after)
		}
		if s.Process(name) == process {
			t.Errorf("%s is still the old process", name)
		}
	}
	if _, err := s.Restart(deadline(t), "queueZ"); err == nil {
		t.Error("a part that is not there was restarted")
	}
}

func TestSystemThatCannotStartLeavesNothingButLogs(t *testing.T) {
	dir := t.TempDir()
	l := layout(proc.Report())
	l.Dir = dir
	l.Args = map[string][]string{"worker": {"--fail", "now"}}
	s, err := proc.StartSystem(deadline(t), l)
	if s != nil {
		t.Error("there is a system all the same")
	}
	wantError(t, err, "logs in "+dir, "worker1 exited before its ready line: exit status 1", "told to fail")
	data, err := os.ReadFile(filepath.Join(dir, "broker1.log"))
	if err != nil {
		t.Fatal(err)
	}
	_, endpoint, _ := strings.Cut(string(data), "frontends=tcp://")
	endpoint, _, _ = strings.Cut(endpoint, " ")
	if conn, err := net.Dial("tcp", endpoint); err == nil {
		conn.Close()
		t.Errorf("broker1 still listens on %s", endpoint)
	}
}

func TestFindBinaryBesideTheRunningProgram(t *testing.T) {
	dir := t.TempDir()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"faasctl", "faasd"} {
		if err := os.WriteFile(filepath.Join(dir, name), self, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p, err := proc.Start(deadline(t), proc.Spec{
		Bin: filepath.Join(dir, "faasctl"), Env: []string{fakeVariable + "=find", "PATH=/nonexistent"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Tail(1), filepath.Join(dir, "faasd"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFindBinary(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "faasd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, variable, path, want, err string }{
		{"named", program, "", program, ""},
		{"named but no program", plain, dir, "", "FAASD_BIN"},
		{"named but not there", dir + "/none", dir, "", "name an executable file, or unset it"},
		{"in PATH", "", dir, program, ""},
		{"nowhere", "", "/nonexistent", "", "FAASD_BIN is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("FAASD_BIN", tt.variable)
			t.Setenv("PATH", tt.path)
			got, err := proc.FindBinary()
			if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
