package operator

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"faasd/internal/resolve/resolvetest"
)

// openNamed watches what is behind a name, at the port of an endpoint.
func openNamed(t *testing.T, dns *resolvetest.Server, name, endpoint string) *Operator {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := openBy(dns.Resolver(), []string{"tcp://" + net.JoinHostPort(name, port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func TestACoordinatorIsFoundByItsName(t *testing.T) {
	dns := resolvetest.NewServer(t)
	c := newCoordinator(t, queue("queueA", 10, 0))
	dns.Set("coordinators.test", "127.0.0.1", "127.0.0.9") // nobody is at the other
	if p := await(t, openNamed(t, dns, "coordinators.test", c.endpoint)); len(p.Queues) != 1 {
		t.Errorf("%d queues", len(p.Queues))
	}
}

func TestACoordinatorThatComesUnderItsNameLaterIsFound(t *testing.T) {
	dns := resolvetest.NewServer(t)
	c := newCoordinator(t, queue("queueA", 10, 0))
	o := openNamed(t, dns, "coordinators.test", c.endpoint)
	within(t, "the name is asked for", func() bool { return dns.Asked("coordinators.test") > 4 })
	dns.Set("coordinators.test", "127.0.0.1")
	await(t, o)
}

func TestANameThatIsNotKnownIsSaid(t *testing.T) {
	dns := resolvetest.NewServer(t)
	o := openNamed(t, dns, "nowhere.test", "tcp://127.0.0.1:5555")
	ctx, cancel := context.WithTimeout(context.Background(), brief)
	defer cancel()
	_, err := o.Await(ctx)
	if !errors.Is(err, ErrNoCluster) || !strings.Contains(err.Error(), "the name nowhere.test cannot be looked up") {
		t.Errorf("%v, want that the name is not known", err)
	}
}
