package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
)

// mostResident is what a role may need, garbage or not.
func mostResident() int64 {
	const most = 200 << 20
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 2 * most // the detector remembers who touched what
	}
	return most
}

// A door is a ZeroMQ socket that a role has bound, and whom it expects there.
type door struct {
	part, role, link string
	peer             string
}

var doors = []door{
	{"broker1", "broker", "frontends", "PUSH"},
	{"broker1", "broker", "responses", "PUSH"},
	{"broker1", "broker", "workers", "REQ"},
	{"broker1", "broker", "workers", "DEALER"},
	{"broker1", "broker", "jobs", "SUB"},
	{"queueA", "queue", "workers", "REQ"},
	{"queueA", "queue", "workers", "DEALER"},
	{"frontend1", "frontend", "replies", "PUSH"},
	{"coordinator1", "coordinator", "publish", "PUB"},
	{"coordinator1", "coordinator", "subscribe", "SUB"},
}

// A siege is a system with strangers at its doors.
type siege struct {
	t      *testing.T
	s      *system
	random *rand.Rand
	real   [][][]byte // messages that the system itself has sent
	open   []net.Conn // kept until the end
}

// Anybody who reaches the sockets of a cluster without keys can send to them.
// Nothing that is not the protocol stops the system, makes it forget a job or
// grow, and the logs stay short.
func TestGarbageOnEverySocketIsCountedAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	w := s.watch()
	g := &siege{t: t, s: s, random: rand.New(rand.NewPCG(3, 5))}
	defer func() {
		for _, conn := range g.open {
			conn.Close()
		}
	}()
	g.eavesdrop()
	l := s.startLoad(2, 5*time.Millisecond)
	pids := s.processes()
	counted := make(map[string]int) // by the attacks so far
	for _, attack := range []struct {
		name       string
		everywhere bool // something is counted at every door
		run        func(endpoint string, d door)
	}{
		{"what is not ZeroMQ", true, g.notZeroMQ},
		{"peers of the wrong type", true, g.wrongPeers},
		{"broken commands", true, g.brokenCommands},
		{"random frames", false, g.randomFrames},
		{"text out of turn", false, g.textOutOfTurn},
		{"truncated messages", false, g.truncated},
		{"subscriptions to anything", false, g.subscriptions},
		{"messages of ten thousand frames", false, g.manyFrames},
		{"oversize frames", false, g.oversize},
		{"states of nobody", false, g.badStates},
		{"onlookers who do not read", false, g.deafOnlookers},
	} {
		t.Run(attack.name, func(t *testing.T) {
			g.t = t
			for _, d := range doors {
				attack.run(s.apart.Endpoints(d.role, d.link)[slices.Index(s.apart.Names(d.role), d.part)], d)
			}
			for i, name := range s.apart.Names() {
				select {
				case <-s.part(name).Exited():
					t.Fatalf("%s has died:\n%s", name, s.part(name).Tail(30))
				default:
				}
				if got := residentBytes(t, pids[i]); got > mostResident() {
					t.Errorf("%s has grown to %d MiB", name, got>>20)
				}
			}
			l.answered(50)
			if attack.everywhere {
				g.mustCount(w, counted)
			}
			counted = g.counted(w)
		})
	}
	for i, name := range s.apart.Names() {
		t.Logf("%s: %d MiB resident", name, residentBytes(t, pids[i])>>20)
	}
	l.mustHaveLostNothing()
	if now := s.processes(); !slices.Equal(now, pids) {
		t.Errorf("processes are %v, were %v", now, pids)
	}
	w.awaitWorkers("queueA 1, queueB 1, queueC 1")
	s.mustSpread(30, "queueA 10, queueB 10, queueC 10")
	// One line a link tells of it.
	told := regexp.MustCompile(`unusable message.* link=(\w+)`)
	for name, text := range s.readLogs() {
		times := make(tally)
		for _, match := range told.FindAllStringSubmatch(text, -1) {
			times[match[1]]++
		}
		for link, n := range times {
			if n > 1 {
				t.Errorf("%s tells %d times of unusable messages on the link %s", name, n, link)
			}
		}
		if n := strings.Count(text, "\n"); n > 100 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}

// counted is what every part under attack has counted as malformed.
func (g *siege) counted(w *watch) map[string]int {
	counts := make(map[string]int)
	for _, d := range doors {
		counts[d.part] = w.all(d.role)[d.part].Malformed
	}
	return counts
}

// mustCount waits until every part has counted more than before.
func (g *siege) mustCount(w *watch, before map[string]int) {
	g.t.Helper()
	eventually(g.t, patience, func() error {
		for part, n := range g.counted(w) {
			if n <= before[part] {
				return fmt.Errorf("%s has counted nothing: %d malformed, as before", part, n)
			}
		}
		return nil
	})
}

// eavesdrop collects messages of the system's own, whole ones.
func (g *siege) eavesdrop() {
	for _, from := range []struct{ role, link string }{{"broker", "jobs"}, {"coordinator", "subscribe"}} {
		ear := g.meet(g.s.apart.Endpoints(from.role, from.link)[0], "SUB")
		g.must(ear.send([]byte("\x01")))
		g.must(ear.SetReadDeadline(time.Now().Add(patience)))
		for range 4 {
			for i := range 3 {
				g.s.mustEcho(fmt.Sprint("overheard ", i))
			}
			frames, err := ear.receive()
			g.must(err)
			g.real = append(g.real, frames)
		}
		ear.Close()
	}
}

func (g *siege) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// dial opens a connection that says nothing by itself.
func (g *siege) dial(endpoint string) net.Conn {
	g.t.Helper()
	conn, err := dialZMQ(endpoint)
	g.must(err)
	g.must(conn.SetDeadline(time.Now().Add(patience)))
	g.open = append(g.open, conn)
	return conn
}

// meet makes a peer that the socket takes for one of its own.
func (g *siege) meet(endpoint, socketType string) *stranger {
	g.t.Helper()
	peer, err := meet(endpoint, socketType)
	g.must(err)
	g.must(peer.SetDeadline(time.Now().Add(patience)))
	g.open = append(g.open, peer)
	return peer
}

// hungUpOn waits until the other side has closed the connection.
func (g *siege) hungUpOn(conn net.Conn, what string) {
	g.t.Helper()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			g.t.Errorf("%s: not hung up on within %s", what, patience)
		}
	}
	conn.Close()
}

func (g *siege) noise(most int) []byte { return noise(g.random, g.random.IntN(most+1)) }

func (g *siege) notZeroMQ(endpoint string, _ door) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: faasd\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		string(greeting[:1]), string(greeting[:11]), string(greeting[:63]), // no more comes
		string(greeting) + string(g.noise(500)),
		string(greeting) + "\x04\x00", string(greeting) + "\x04\x06\x05READY\xff",
		strings.Replace(string(greeting), "NULL", "PLAIN", 1)[:64],
		strings.Replace(string(greeting), "\x03\x00NULL", "\x01\x00NULL", 1),
		strings.Replace(string(greeting), "\x03\x00NULL", "\x09\x00NULL", 1),
		"\x01\x00" + "\x00\x00\x00", // ZMTP 1.0: an empty identity, then empty messages
		strings.Repeat("\x00", 1000), strings.Repeat("\xff", 1000),
		string(g.noise(4000)), string(g.noise(4000)),
	} {
		_, _ = io.WriteString(g.dial(endpoint), text) // it may be hung up on meanwhile
	}
	g.dial(endpoint) // says nothing
}

func (g *siege) wrongPeers(endpoint string, _ door) {
	for _, socketType := range []string{"PAIR", "PUB", "SUB", "XPUB", "REQ", "REP", "DEALER", "ROUTER", "PUSH", "PULL", "CLIENT", "", strings.Repeat("X", 5000)} {
		peer, err := meet(endpoint, socketType)
		if err != nil {
			continue // as it should be
		}
		g.open = append(g.open, peer)
		for range 5 {
			_ = peer.send(g.noise(100), g.noise(100))
		}
	}
}

func (g *siege) brokenCommands(endpoint string, d door) {
	ping := []byte("\x04PING\xff\xff" + strings.Repeat("x", 100))
	for _, body := range [][]byte{
		nil, {0}, {255}, []byte("\x05READY"), property([]byte("\x05READY"), "Socket-Type", "PAIR"), []byte("\x05ERROR\xff"),
		[]byte("\x04PING"), ping, []byte("\x09SUBSCRIBE"), []byte("\x06CANCEL\x00"), []byte("\x07UNKNOWN"), g.noise(300),
	} {
		peer := g.meet(endpoint, d.peer)
		for range 3 {
			_ = peer.frame(frameCommand, body)
		}
		_ = peer.send(g.noise(50))
	}
	peer := g.meet(endpoint, d.peer)
	_ = peer.frame(0xf8, []byte("reserved flags"))
}

func (g *siege) randomFrames(endpoint string, d door) {
	for range 3 {
		peer := g.meet(endpoint, d.peer)
		for range 100 {
			message := make([][]byte, 1+g.random.IntN(6))
			for i := range message {
				message[i] = g.noise([]int{0, 1, 200, 3000}[g.random.IntN(4)])
			}
			if g.random.IntN(2) == 0 {
				message = slices.Insert(message, 0, nil) // as REQ begins
			}
			if peer.send(message...) != nil {
				break // hung up on
			}
		}
	}
	// A header of which only the beginning is right, and then the body's length
	// too (docs/PROTOCOL.md).
	peer := g.meet(endpoint, d.peer)
	for kind := range byte(30) {
		header := make([]byte, 192)
		copy(header, []byte{'f', 'd', 1, kind, 0, 0, 0, 192})
		copy(header[8:], noise(g.random, 184))
		for _, body := range []string{"", "nothing", `{"a":1}`, `{"role":"queue","endpoints":{"workers":7}}`} {
			for _, meta := range []string{"", "\x00", "\x04echo", "\xffecho", "\x04echo\x01\xff\xff", "\x00\x63\x00\x00"} {
				first := append(slices.Clone(header), meta...)
				_ = peer.send(first, []byte(body))
				binary.BigEndian.PutUint32(first[124:], uint32(len(body)))
				_ = peer.send(first, []byte(body))
				_ = peer.send([]byte("queueA/0000000000000001/"), first, []byte(body))
			}
		}
	}
}

func (g *siege) textOutOfTurn(endpoint string, d door) {
	if d.link != "workers" {
		return
	}
	id := []byte("01M84X5VS0XG8V283EKSMHZ056")
	many := [][]byte{nil, []byte("READY"), []byte("stranger")}
	for range 1000 {
		many = append(many, []byte("echo"))
	}
	for _, message := range [][][]byte{
		{nil}, {nil, nil}, {nil, nil, nil}, {[]byte("PLACE")}, {nil, []byte("PLACE")}, {nil, []byte("PLACE"), nil},
		{nil, []byte("PLACE"), []byte("bad name")}, {nil, []byte("PLACE"), []byte("x"), []byte("y")}, {nil, []byte("place"), []byte("x")},
		{nil, []byte("READY")}, {nil, []byte("READY"), []byte("x")}, {nil, []byte("READY"), []byte("x"), []byte("no/name")}, many,
		{nil, []byte("PONG")}, {nil, []byte("PONG"), nil}, {nil, []byte("RESULT"), id, nil}, {nil, []byte("RESULT"), []byte("x"), nil},
		{nil, []byte("FAIL"), id, []byte("no reason")}, {nil, []byte("JOB"), id, []byte("echo"), nil}, {nil, []byte("PING")}, {nil, []byte("QUEUE"), []byte("a"), []byte("b")},
		{nil, []byte("MDPW01")}, {nil, []byte("MDPW01"), {1}, []byte("no/name")}, {nil, []byte("MDPW01"), {3}, id, nil, nil}, {nil, []byte("MDPW01"), {4}},
		{nil, []byte("MDPW01"), {9}}, {nil, []byte("MDPC01"), []byte("echo"), nil}, {nil, g.noise(1000)},
	} {
		// Each is a peer of its own, and one peer is all of them.
		g.must(g.meet(endpoint, d.peer).send(message...))
	}
	peer := g.meet(endpoint, d.peer)
	for range 200 {
		_ = peer.send(nil, []byte("PONG"))
	}
}

func (g *siege) truncated(endpoint string, d door) {
	peer := g.meet(endpoint, d.peer)
	for _, whole := range g.real {
		for missing := 1; missing < len(whole); missing++ {
			_ = peer.send(whole[missing:]...)
			_ = peer.send(whole[:len(whole)-missing]...)
		}
		for i, frame := range whole {
			for range 10 {
				if len(frame) == 0 {
					break
				}
				cut := slices.Clone(whole)
				cut[i] = frame[:g.random.IntN(len(frame))]
				if i < 2 && d.link == "publish" && json.Valid(cut[len(cut)-1]) {
					continue // a whole value
				}
				_ = peer.send(cut...)
			}
		}
	}
	// And one that breaks off in the middle of a frame.
	_, _ = g.meet(endpoint, d.peer).write(append(frameHead(0, 1000), "half"...))
	broken := g.meet(endpoint, d.peer)
	_ = broken.frame(frameMore, []byte("the rest does not come"))
	broken.Close()
}

func (g *siege) subscriptions(endpoint string, d door) {
	if d.peer != "SUB" && d.peer != "PUB" {
		return
	}
	peer := g.meet(endpoint, d.peer)
	for _, body := range [][]byte{nil, {1}, {0}, {2}, {255}, []byte("\x01" + strings.Repeat("t", 1000)), []byte("\x00never subscribed"), []byte("\x01queueA/"), []byte("\x01queueA/zz/"), []byte("\x01\x00\x00")} {
		_ = peer.send(body)
		_ = peer.send(body, body)
	}
	peer = g.meet(endpoint, d.peer)
	for i := range 10_000 {
		if peer.send(fmt.Appendf(nil, "\x01event/%d/", i)) != nil {
			break
		}
	}
}

func (g *siege) manyFrames(endpoint string, d door) {
	peer := g.meet(endpoint, d.peer)
	var message bytes.Buffer
	for range 9_999 {
		message.Write(append(frameHead(frameMore, 10), "0123456789"...))
	}
	message.Write(frameHead(0, 0))
	for range 3 {
		if _, err := peer.write(message.Bytes()); err != nil {
			break
		}
	}
	endless := g.meet(endpoint, d.peer)
	_, _ = endless.write(message.Bytes()[:message.Len()-2])
	endless.Close() // it had no last frame
}

func (g *siege) oversize(endpoint string, d door) {
	for _, length := range []uint64{1<<64 - 1, 1 << 63, 1 << 40, 1 << 30, 64 << 20} {
		peer := g.meet(endpoint, d.peer)
		_, _ = peer.write(append(frameHead(frameLong, length), make([]byte, 64<<10)...))
		g.hungUpOn(peer, fmt.Sprintf("a frame of %d bytes for %s of %s", length, d.link, d.part))
	}
	// Frames of a size that is allowed, and nonsense.
	peer := g.meet(endpoint, d.peer)
	for range 8 {
		if peer.send(make([]byte, sixMebibytes)) != nil {
			break
		}
	}
}

func (g *siege) badStates(endpoint string, d door) {
	if d.link != "publish" {
		return
	}
	peer := g.meet(endpoint, d.peer)
	const inc = "00000000000000ff"
	for _, value := range []string{
		``, `{`, `null`, `[]`, `"x"`, `0`, `{}`, `{"role":"queue"}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":-1}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":1}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":2,"queue":null}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":3,"queue":{}}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":4,"queue":{"functions":{"echo":{"waiting":1000000000,"free":-5,"oldest_ms":-1}}}}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":5,"queue":{"functions":null,"free":-1}}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":6,"queue":{"functions":{"":{},"\u0000":{"workers":-1}}}}`,
		`{"role":"queue","name":"stranger","incarnation":"` + inc + `","sequence":18446744073709551615,"left":true}`,
		strings.Repeat(`[`, 100_000),
		`{"role":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		for _, topic := range []string{"state/queue/stranger/" + inc + "/", "state/broker/stranger/" + inc + "/", "detail/queue/stranger/" + inc + "/", "event/queue/stranger/", "snapshot/" + inc + "/", "nothing/"} {
			_ = peer.send([]byte(topic), []byte(value))
			_ = peer.send([]byte(topic))
		}
	}
	for _, queue := range g.s.watch().all("queue") {
		for _, value := range []string{`{}`, `{"taker":"` + inc + `","function":"echo","count":-1}`, `{"count":1000000000}`, `null`, `[`} {
			_ = peer.send([]byte("take/"+queue.Incarnation+"/"), []byte(value))
		}
	}
}

func (g *siege) deafOnlookers(endpoint string, d door) {
	if d.peer != "SUB" {
		return
	}
	for range 3 {
		g.must(g.meet(endpoint, d.peer).send([]byte("\x01")))
	}
	// Enough for every buffer between the two.
	g.t.Logf("with onlookers at %s of %s", d.link, d.part)
	body := make([]byte, 1<<20)
	for range 24 {
		g.s.mustComeBack(g.t, "application/octet-stream", body)
	}
}
