package chaos

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

// A block is commands of a page, and the machines on which they are to be typed.
type block struct {
	machines []string
	script   string
}

var marked = regexp.MustCompile("(?s)<!-- run: ([a-z0-9 ]+) -->\n```sh\n(.*?)```\n")

// blocks returns the marked blocks of a section of docs/DEPLOYING.md, in order.
func blocks(t *testing.T, section string) (found []block) {
	t.Helper()
	page, err := os.ReadFile("../../docs/DEPLOYING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("docs/DEPLOYING.md has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for _, b := range marked.FindAllStringSubmatch(text, -1) {
		found = append(found, block{strings.Fields(b[1]), b[2]})
	}
	if all := strings.Count(text, "```sh\n"); len(found) == 0 || len(found) != all {
		t.Fatalf("%d of %d blocks of %q say where they are to be run", len(found), all, section)
	}
	return found
}

// The page's own commands, on three machines of which one is cut off under load:
// nothing that was accepted is lost, and it is used again when it is back.
func TestThreeMachinesOfThePageServeOnWhileOneIsCutOff(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), lanWithin)
	defer cancel()
	lan := newLAN(t, "box1", "box2", "box3")
	for _, b := range blocks(t, "Three machines") {
		for _, machine := range b.machines {
			lan.run(machine, b.script)
		}
	}
	o, err := operator.Open([]string{"tcp://coordinators:5555"})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	system := &subject{layout: proc.Layout{Coordinators: 2, Brokers: 2, Queues: 3, Workers: 6, Frontends: 3}}
	whole := func(p operator.Picture) bool { return system.missing(p) == "" }
	until := func(what string, ok func(operator.Picture) bool) operator.Picture {
		t.Helper()
		within, cancel := context.WithTimeout(ctx, startWithin)
		defer cancel()
		p, err := o.Until(within, ok)
		if err != nil {
			t.Fatalf("not within %s: %s (%s): %v", startWithin, what, system.missing(p), err)
		}
		return p
	}
	until("the whole system is there", whole)

	system.ledger = newLedger()
	all := newClients([]string{"frontend1", "frontend2", "frontend3"}, []string{"10.0.0.1:3000", "10.0.0.2:3000", "10.0.0.3:3000"},
		requestTimeout+patience, system.ledger)
	system.clients = []*client{all[0], all[2]}
	bodies := bodies{smallest: numberSize, largest: 4096}
	beside := system.load(1, "echo", 100, bodies, false)
	if err := wait(ctx, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	system.ledger.enters("box2 is cut off")
	lan.cable("box2", "down")
	until("box2 is missed", func(p operator.Picture) bool {
		return state(p.QueueParts(), "queueB") == operator.StateLost && state(p.Brokers, "broker2") == operator.StateLost
	})
	if err := wait(ctx, faultLasts); err != nil {
		t.Fatal(err)
	}
	system.ledger.enters("box2 is back")
	lan.cable("box2", "up")
	back := until("the whole system is there again", whole)

	system.clients = all
	through := system.load(2, "echo", 100, bodies, false)
	until("box2 is used again", func(p operator.Picture) bool {
		return done(p, "queueB") > done(back, "queueB") && accepted(p, "broker2") > accepted(back, "broker2")
	})
	if err := wait(ctx, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*load{beside, through} {
		l.halt()
		if err := l.finish(ctx); err != nil {
			t.Fatal(err)
		}
	}
	until("nothing is left of the load", func(p operator.Picture) bool { return left(p) == "" })
	for _, b := range system.ledger.breaches {
		t.Errorf("%.2f s, %s: request %d to %s: %s", b.Seconds, b.During, b.Request, b.Frontend, b.What)
	}
	for what, l := range map[string]*load{"at box1 and box3 all the while": beside, "at all three afterwards": through} {
		sum := newTally(l.take()).sum()
		t.Logf("%s: %d requests, %v, p50 %.3f s, slowest %.2f s", what, sum.Requests, sum.Answers, sum.P50, sum.Slowest)
		if sum.Requests < 100 || sum.Answers["200"] != sum.Requests {
			t.Errorf("%s: %d of %d requests were answered 200", what, sum.Answers["200"], sum.Requests)
		}
	}
}

func state(parts []operator.Part, name string) string {
	if i := slices.IndexFunc(parts, func(p operator.Part) bool { return p.Name == name }); i >= 0 {
		return parts[i].State
	}
	return ""
}

func done(p operator.Picture, queue string) uint64 {
	for _, q := range p.Queues {
		if q.Name == queue {
			return q.Done
		}
	}
	return 0
}

func accepted(p operator.Picture, broker string) uint64 {
	for _, b := range p.Brokers {
		if b.Name == broker && b.Broker != nil {
			return b.Broker.Accepted
		}
	}
	return 0
}
