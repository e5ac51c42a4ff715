package operator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// members are some behind one coordinator, of which the operator sees
// only what the bus carries: they answer commands as the test says.
type members struct {
	*coordinator
	heard map[wire.Incarnation][]wire.Command // by receiver, as they came
	// answer is asked what comes of a command; nil: no answer.
	answer func(to wire.Incarnation, c wire.Command) *wire.Reply
}

// newCluster starts a cluster whose coordinator also takes what is published,
// and passes commands on to the receivers named.
func newCluster(t *testing.T, receivers []wire.Incarnation, states ...wire.State) *members {
	t.Helper()
	cl := &members{coordinator: newCoordinatorWith(t, states...), heard: make(map[wire.Incarnation][]wire.Command)}
	cl.turn(func() {
		cl.published = cl.command
		for _, inc := range receivers {
			frame := append([]byte{1}, wire.CommandTopic(inc)...)
			cl.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: linkPublished, Frames: [][]byte{frame}}})
		}
	})
	return cl
}

// command takes what an operator has published.
func (cl *members) command(frames [][]byte) {
	topic := string(frames[0])
	hex, ok := strings.CutPrefix(topic, wire.TopicCommand)
	if !ok {
		cl.t.Errorf("an operator publishes %s", topic)
		return
	}
	to, err := wire.ParseIncarnation(strings.TrimSuffix(hex, "/"))
	var c wire.Command
	if err != nil || json.Unmarshal(frames[1], &c) != nil || c.Check() != nil {
		cl.t.Errorf("command %q", frames)
		return
	}
	cl.heard[to] = append(cl.heard[to], c)
	if r := cl.answer(to, c); r != nil {
		r.Command = c.ID
		cl.publish(wire.ReplyTopic(c.ReplyTo), *r)
	}
}

// commands returns what a member has heard.
func (cl *members) commands(to wire.Incarnation) (list []wire.Command) {
	cl.t.Helper()
	cl.turn(func() { list = append(list, cl.heard[to]...) })
	return list
}

// say publishes a new state of a queue, with the workers that its detail lists.
func (cl *members) say(name string, inc wire.Incarnation, sequence uint64, workers ...wire.WorkerDetail) {
	s := queue(name, inc, len(workers))
	s.Sequence = sequence
	d := wire.Detail{Role: wire.RoleQueue, Name: name, Incarnation: inc, Sequence: sequence, Workers: workers}
	cl.publish(d.Topic(), d)
	cl.publish(s.Topic(), s)
}

// brief is how long a test waits for what shall not come.
const brief = 300 * time.Millisecond

// stages collects a command's progress.
func stages(list *[]Stage) func(Progress) {
	return func(p Progress) {
		*list = append(*list, p.Stage)
	}
}
