package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// keyboard is a program that says which keys it is told.
const keyboard = `#!/bin/sh
test "$*" = "top --data the-data" && stty raw -echo && printf LIVE
while :; do
	key=$(dd bs=1 count=1 2>/dev/null)
	test "$key" != q || exit 0
	printf 'pressed %s, ' "$key"
	stty size
done
`

// open starts the keyboard as if it was the screen of a system.
func open(t *testing.T) *terminal {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "faasctl"), []byte(keyboard), 0o700); err != nil {
		t.Fatal(err)
	}
	screen, err := newStarter(folder, filepath.Join(folder, "faasd"), "").open(t.Context(), &system{data: "the-data"})
	if err != nil {
		t.Fatal(err)
	}
	return screen
}

func TestAKeyIsTimedUntilItsAnswerIsThere(t *testing.T) {
	screen := open(t)
	for _, key := range []string{"a", "b"} {
		began := time.Now()
		took, err := screen.press(t.Context(), key, "pressed "+key+", 50 160")
		if within := time.Since(began); err != nil || took <= 0 || took > within {
			t.Errorf("%s took %v of %v, %v", key, took, within, err)
		}
	}
	if err := screen.close(); err != nil {
		t.Error(err)
	}
}

func TestAScreenThatEndsIsAnError(t *testing.T) {
	screen := open(t)
	if _, err := screen.press(t.Context(), "q", "more"); err == nil || !strings.Contains(err.Error(), `ended before it showed "more"`) {
		t.Errorf("got %v", err)
	}
	if err := screen.close(); err != nil {
		t.Error(err)
	}
}

func TestCPUTimeIsThatOfTheProcesses(t *testing.T) {
	self := os.Getpid()
	meter, err := startMeter([]int{self}, []int{self, self})
	if err != nil {
		t.Fatal(err)
	}
	for { // some work
		used, err := meter.stop()
		if err != nil {
			t.Fatal(err)
		}
		if used[0].cpu < 50*time.Millisecond {
			continue
		}
		if used[0].share() <= 0 || used[1].cpu <= used[0].cpu {
			t.Errorf("used %+v", used)
		}
		break
	}
	if _, err := cpuTime(self, 1<<22+1); err == nil { // no process can have that id
		t.Error("a process that is not there has used CPU")
	}
}

func TestTheWorkersOfASystemBelongToIt(t *testing.T) {
	s := newStarter(t.TempDir(), "", "")
	sys := &system{}
	if _, err := s.add(sys, "sh", "/bin/sh", "-c", "sleep 60 & echo $!; wait"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sys.stop() }()
	if err := sys.processes[0].await(t.Context(), "its child", func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	pids, err := sys.pids()
	if err != nil || len(pids) != 2 || pids[0] != sys.processes[0].cmd.Process.Pid || slices.Contains(pids, os.Getpid()) {
		t.Errorf("got %v, %v", pids, err)
	}
}

// converse speaks to a worker of the crowd as a ZeroMQ socket does: it greets with the first of what it says, says another
// whenever it is told something, and returns what it was told.
func converse(conn net.Conn, says ...string) (told []string, err error) {
	z := &zmtp{conn, bufio.NewReader(conn)}
	greeting := make([]byte, 64)
	if _, err := io.ReadFull(z.in, greeting); err != nil {
		return nil, err
	}
	for _, say := range append([]string{string(greeting) + says[0]}, says[1:]...) {
		if _, err := conn.Write([]byte(say)); err != nil {
			return told, err
		}
		flags, message, err := z.frame()
		for err == nil && flags&flagMore != 0 {
			var more []byte
			flags, more, err = z.frame()
			message = append(append(message, '|'), more...)
		}
		if err != nil {
			return told, err
		}
		told = append(told, string(message))
	}
	return told, nil
}

func TestAWorkerOfTheCrowdSpeaksREQ(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.ipc")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	long := strings.Repeat("x", 300)
	told := make(chan []string)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
		}
		defer func() { _ = conn.Close() }()
		said, err := converse(conn, "\x04\x06\x05READY",
			"\x04\x09\x04PING\x00\x1exy",                        // a heartbeat
			"\x01\x04PROB\x01\x00\x00\x01x\x01\x00\x00\x04PING", // a probe, and what is meant for it
			"\x01\x00\x01\x03JOB\x01\x02id\x01\x04hold\x02\x00\x00\x00\x00\x00\x00\x01\x2c"+long)
		if err != nil {
			t.Error(err)
		}
		told <- said
	}()
	queue, err := dialREQ("ipc://" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = queue.conn.Close() }()
	c := &crowd{function: holdFunction, busy: make(chan struct{}, 1)}
	ended := make(chan error)
	go func() { ended <- c.work(queue, "w-0001") }()
	<-c.busy
	_ = queue.conn.Close()
	if err := <-ended; err == nil {
		t.Error("a worker whose connection is gone goes on")
	}
	want := []string{"\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ", "|READY|w-0001|hold", "\x04PONGxy", "|PONG"}
	if got := <-told; !reflect.DeepEqual(got, want) {
		t.Errorf("it says\n%q, want\n%q", got, want)
	}
}

func TestTheCostsAreMediansOfRounds(t *testing.T) {
	var r report
	for i, cpu := range []float64{1, 3, 2} {
		r.Screen = append(r.Screen, screenCost{
			Round: i + 1,
			Idle:  openClose{window{System: 1}, window{Screen: cpu / 10, System: 1 + cpu/10}},
			Load: openClose{
				window{System: 100, Requests: 10, RPS: 10, PerJob: 0.1},
				window{System: 101, Screen: cpu, Requests: 10, RPS: 10 + cpu, PerJob: 0.1 + cpu/1000, Failures: i},
			},
		})
	}
	r.Crowded = &crowdedScreen{Queues: 30, Workers: 1000, Screen: 4, Presses: []float64{40, 20, 10, 30}}
	want := [][]string{
		{"idle", "faasctl, % of a core", "–", "0.20 (0.10 to 0.30)", "–", "≤ 1"},
		{"idle", "cluster, % of a core", "1.00", "1.20 (1.10 to 1.30)", "+0.20 (+0.10 to +0.30)", "–"},
		{"12 jobs/s", "faasctl, % of a core", "–", "2.00 (1.00 to 3.00)", "–", "≤ 5"},
		{"12 jobs/s", "cluster, CPU ms a job", "0.1000", "0.1020 (0.1010 to 0.1030)", "+2.0 % (+1.0 % to +3.0 %)", "≤ 3 %"},
		{"30 queues, 1000 workers", "faasctl, % of a core", "–", "4.00", "–", "–"},
		{"30 queues, 1000 workers", "a key, until its answer is there", "–", "p50 20.0 ms, p99 40.0 ms", "–", "≤ 50 ms"},
	}
	if got := r.costRows(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if r.failures() != 3 || len(r.tables()) != 2 { // and the budgets
		t.Errorf("%d lost or wrong, %d tables", r.failures(), len(r.tables()))
	}
}

func TestTheTourEndsWhereItBegan(t *testing.T) {
	at := 0 // queueA
	views := 0
	for _, k := range tour() {
		switch {
		case strings.HasPrefix(k.brings, "> queue"):
			next := int(k.brings[len("> queue")] - 'A')
			if next-at != map[string]int{"\x1b[A": -1, "\x1b[B": 1}[k.press] {
				t.Errorf("%q goes from queue %d to %d", k.press, at, next)
			}
			at = next
		case strings.HasPrefix(k.brings, "›"):
			views++
		}
	}
	if at != 0 || views != 5 {
		t.Errorf("it ends at queue %d after %d views", at, views)
	}
}
