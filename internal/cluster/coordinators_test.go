package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// dialled returns what was dialled and hung up since the last call: "+endpoint",
// "-key link".
func (m *member) dialled() (calls []string) {
	for _, e := range m.take() {
		switch e.Op {
		case role.OpDial:
			calls = append(calls, "+"+e.Endpoint)
		case role.OpHangup:
			calls = append(calls, fmt.Sprintf("-%s %d", e.Peer, e.Link))
		}
	}
	return calls
}

func (m *member) expectDialled(want ...string) {
	m.t.Helper()
	if got := m.dialled(); !slices.Equal(got, want) {
		m.t.Errorf("dialled and hung up %q, want %q", got, want)
	}
}

// met has a coordinator answer at an address, and take what is published.
func (m *member) met(now role.Time, peer string, incarnation wire.Incarnation) {
	m.t.Helper()
	m.told(now, peer, incarnation)
	m.wanted(now, peer, 1, wire.TopicState)
}

func (m *member) told(now role.Time, peer string, incarnation wire.Incarnation) {
	m.t.Helper()
	s := snapshotOf(0)
	s.Coordinator = wire.Member{
		Role: wire.RoleCoordinator, Name: "c", Incarnation: incarnation, Endpoints: map[string]string{"publish": "tcp://publish:" + incarnation.String()},
	}
	if rest, err := m.hear(now, peer, wire.SnapshotTopic(m.find(peer).token), s); rest || err != nil {
		m.t.Fatalf("a snapshot is returned: %t, %v", rest, err)
	}
}

func TestCoordinatorsThatComeAreDialledAndThoseThatGoKeptWhileTheyAreConnected(t *testing.T) {
	m := newMember(t, func(c *AgentConfig) { c.Coordinators = nil })
	m.Start(0)
	m.CoordinatorsAt(0, []string{"tcp://a:1", "tcp://b:1"})
	m.expectDialled("+tcp://a:1", "+tcp://b:1")
	if !m.Alone() {
		t.Error("somebody is connected")
	}
	m.met(1, "coordinator0", 100)
	m.met(1, "coordinator1", 200)
	m.take()
	if m.Alone() || m.Expected() != 2 {
		t.Errorf("alone: %t, expected: %d", m.Alone(), m.Expected())
	}
	m.CoordinatorsAt(2, []string{"tcp://b:1", "tcp://c:1"})
	m.expectDialled("+tcp://c:1")
	m.wanted(3, "coordinator0", 0, wire.TopicState) // its connection has ended
	m.expectDialled("-coordinator0 1", "-coordinator0 2")
	m.CoordinatorsAt(5, []string{"tcp://b:1"})
	m.expectDialled("-coordinator2 1")
	m.wanted(6, "coordinator1", 0, wire.TopicState)
	m.expectDialled() // it is listed: it may come back
}

func TestACoordinatorAtTwoAddressesIsConnectedByOne(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.Start(0)
	m.met(1, "coordinator0", 100)
	m.take()
	m.told(1, "coordinator1", 100)
	m.expectDialled("-coordinator1 1")
	m.wanted(2, "coordinator1", 1, wire.TopicState) // read before
	if n := len(m.Seen()); n != 1 || m.Expected() != 1 {
		t.Errorf("%d coordinators seen, %d expected", n, m.Expected())
	}
	due := role.Time(1) + askAgainAfter
	m.Tick(due - 1)
	m.expectDialled()
	m.Tick(due)
	m.expectDialled("+tcp://c1:5555")
	m.told(due+1, "coordinator1", 200) // another one is there now
	m.expectDialled("+tcp://publish:" + wire.Incarnation(200).String())
}

func TestBothAddressesOfACoordinatorMayAnswerBeforeOneIsConnected(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.Start(0)
	m.told(1, "coordinator0", 100)
	m.told(1, "coordinator1", 100)
	m.wanted(2, "coordinator0", 1, wire.TopicState)
	m.take()
	m.wanted(2, "coordinator1", 1, wire.TopicState)
	m.expectDialled("-coordinator1 1", "-coordinator1 2")
}

func TestTheOtherAddressIsTriedAtOnceWhenTheConnectionEnds(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.Start(0)
	m.met(1, "coordinator0", 100)
	m.told(1, "coordinator1", 100)
	m.take()
	m.wanted(5*time.Second, "coordinator0", 0, wire.TopicState)
	if m.Wake() > 5*time.Second {
		t.Errorf("it wakes at %v", m.Wake())
	}
	m.Tick(5 * time.Second)
	if got := m.dialled(); !slices.Contains(got, "+tcp://c1:5555") {
		t.Errorf("dialled %q", got)
	}
}
