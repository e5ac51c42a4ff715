package chaos

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhatComesOfARequestIsJudged(t *testing.T) {
	const s = time.Second
	sent := body(1)
	answered := func(status int, header string) reply {
		r := reply{status: status, header: http.Header{"X-Faasd-Attempt": {"1"}, "X-Faasd-Job": {"J"}}, body: sent}
		if header != "" {
			r.header[header] = []string{"1"}
		}
		return r
	}
	reset := reply{err: errors.New("reset")}
	killed := &event{Fault: Fault{Kind: Kill, Part: "frontend1"}, began: 10 * s, over: 12 * s}
	cut := &event{Fault: Fault{Kind: Cut, Part: "frontend1"}, began: 20 * s, over: 25 * s}
	one := &event{Fault: Fault{Kind: Cut, Part: "frontend1"}, peer: "broker1", began: 30 * s, over: 35 * s}
	stopped := &event{Fault: Fault{Kind: Stop, Part: "frontend1"}, began: 40 * s, over: 45 * s}
	broker := &event{Fault: Fault{Kind: Kill, Part: "broker1"}, began: 50 * s, over: 52 * s}
	now := &event{Fault: Fault{Kind: Kill, Part: "frontend1"}, began: 60 * s}
	faults := []*event{killed, cut, one, stopped, broker, now}
	for _, c := range []struct {
		name       string
		frontend   string
		due, ended time.Duration
		reply      reply
		want       verdict
		why        string
	}{
		{"right", "frontend1", s, 2 * s, answered(200, ""), right, ""},
		{"right, just in time", "frontend1", s, 32 * s, answered(200, ""), right, ""},
		{"late", "frontend1", s, 32*s + 1, answered(200, ""), broken, "its deadline was"},
		{"hangs", "frontend1", s, 37 * s, reply{err: errors.New("nothing"), hung: true}, broken, "hangs"},
		{"hangs at a killed frontend", "frontend1", 11 * s, 47 * s, reply{err: errors.New("nothing"), hung: true}, broken, "hangs"},
		{"held when it was killed", "frontend1", 9 * s, 10 * s, reset, held, ""},
		{"sent while it was dead", "frontend1", 11 * s, 11 * s, reset, held, ""},
		{"it is dead still", "frontend1", 61 * s, 61 * s, reset, held, ""},
		{"ended before it was killed", "frontend1", 8 * s, 10*s - 1, reset, broken, "no answer"},
		{"sent after it served again", "frontend1", 12*s + 1, 13 * s, reset, broken, "no answer"},
		{"the other frontend", "frontend2", 11 * s, 11 * s, reset, broken, "no answer"},
		{"no answer while it was cut off", "frontend1", 21 * s, 21 * s, reset, broken, "no answer"},
		{"503 of one that starts", "frontend1", 12 * s, 12 * s, answered(503, "Retry-After"), refused, ""},
		{"503 of one that is cut off", "frontend1", 24 * s, 24 * s, answered(503, "Retry-After"), refused, ""},
		{"503 without Retry-After", "frontend1", 24 * s, 24 * s, answered(503, ""), broken, "answered 503"},
		{"503 of the other one", "frontend2", 24 * s, 24 * s, answered(503, "Retry-After"), broken, "answered 503"},
		{"503 when one of its links was cut", "frontend1", 31 * s, 31 * s, answered(503, "Retry-After"), broken, "answered 503"},
		{"503 when it was stopped", "frontend1", 41 * s, 45 * s, answered(503, "Retry-After"), broken, "answered 503"},
		{"503 when a broker was killed", "frontend1", 51 * s, 51 * s, answered(503, "Retry-After"), broken, "answered 503"},
		{"504 of one that is cut off", "frontend1", 24 * s, 24 * s, answered(504, "Retry-After"), broken, "answered 504"},
		{"404", "frontend1", s, s, answered(404, ""), broken, "answered 404"},
		{"other bytes", "frontend1", s, s, reply{status: 200, header: http.Header{"X-Faasd-Attempt": {"1"}, "X-Faasd-Job": {"J"}}, body: sent[1:]}, broken, "wrong bytes"},
		{"no attempt", "frontend1", s, s, reply{status: 200, body: sent}, broken, "X-Faasd-Attempt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := outcome{frontend: c.frontend, due: c.due, ended: c.ended}
			lost, refuses := (&ledger{faults: faults}).excused(&o)
			got, why := o.judge(sent, c.reply, 30*s, lost, refuses)
			if got != c.want || !strings.Contains(why, c.why) || (got == broken) != (why != "") {
				t.Errorf("verdict %d, %q; want %d, %q", got, why, c.want, c.why)
			}
		})
	}
}

func TestADifferenceIsTold(t *testing.T) {
	want := body(5)
	got := append([]byte{}, want...)
	got[100%len(got)] ^= 1
	if s := difference(got, want); !strings.Contains(s, "from byte") || strings.Contains(s, "request") {
		t.Error(s)
	}
	if s := difference(body(6), want); !strings.Contains(s, "request 6") {
		t.Error(s)
	}
	if s := difference(nil, want); !strings.Contains(s, "0 bytes for") {
		t.Error(s)
	}
}
