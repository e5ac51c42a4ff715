package node

import (
	"os"
	"testing"

	"faasd/internal/wire"
)

func TestWhatIsBoundIsAdvertisedAsOthersReachIt(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ bound, advertise, want string }{
		{"tcp://127.0.0.1:8009", "", "tcp://127.0.0.1:8009"},
		{"tcp://0.0.0.0:8009", "", "tcp://" + host + ":8009"},
		{"tcp://[::]:8009", "", "tcp://" + host + ":8009"},
		{"tcp://0.0.0.0:8009", "box1", "tcp://box1:8009"},
		{"tcp://127.0.0.1:8009", "10.0.0.5", "tcp://10.0.0.5:8009"},
		{"tcp://127.0.0.1:8009", "fe80::1", "tcp://[fe80::1]:8009"},
		{"ipc:///tmp/x.ipc", "box1", "ipc:///tmp/x.ipc"},
		{"inproc://x", "", "inproc://x"},
		{"tcp://nonsense", "box1", "tcp://nonsense"},
	} {
		p := &Part{id: Identity{Advertise: c.advertise}}
		if got := p.reachable(c.bound); got != c.want {
			t.Errorf("%s (advertise %q) is advertised as %s, want %s", c.bound, c.advertise, got, c.want)
		}
	}
}

func TestEveryStartIsAnotherIncarnation(t *testing.T) {
	seen := make(map[wire.Incarnation]bool)
	for range 1000 {
		id := Identity{Role: wire.RoleQueue}
		m := id.member()
		if m.Incarnation == 0 || seen[m.Incarnation] {
			t.Fatalf("incarnation %s", m.Incarnation)
		}
		seen[m.Incarnation] = true
		if !wire.ValidName(m.Name) || m.Name != id.Name || m.PID != os.Getpid() || m.Host == "" || m.Role != wire.RoleQueue {
			t.Fatalf("member %+v", m)
		}
	}
	id := Identity{Role: wire.RoleWorker, Name: "mine"}
	if m := id.member(); m.Name != "mine" {
		t.Errorf("a name that was given is now %q", m.Name)
	}
}
