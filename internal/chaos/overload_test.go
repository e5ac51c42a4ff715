package chaos

import (
	"strings"
	"testing"
	"time"
)

// The short form of `make overload`: what holds on a machine of any speed.
func TestTooMuchIsRefusedAndNobodyElseIsHarmed(t *testing.T) {
	const s = time.Second
	overload := Overload{
		Setup:    setup(t),
		Capacity: Capacity{Worker: build(t, "internal/chaos/timed"), Workers: 3, Slots: 2, WindowJobs: 64},
		Times:    4, Quiet: s, Duration: 5 * s, After: 3 * s,
	}
	report, err := overload.Run(t.Context())
	if report == nil || err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.Write(&text)
	t.Log(text.String())
	if !report.Run.OK() {
		t.Error("a promise was broken, see above")
	}
	if report.Refused.Count == 0 || report.Refused.RetryAfter[0] < 1 {
		t.Errorf("%d requests were refused, Retry-After at least %d; want some, and to be told when to try again", report.Refused.Count, report.Refused.RetryAfter[0])
	}
	for when, tally := range map[string]Tally{"slow before": report.Quiet, "other before": report.OtherQuiet, "other in the flood": report.OtherFlood} {
		if tally.Requests == 0 || tally.Answers["200"] != tally.Requests {
			t.Errorf("%s: %d of %d requests were answered 200, want all", when, tally.Answers["200"], tally.Requests)
		}
	}
	if report.Flood.Answers["200"] == 0 || report.After.Answers["200"] == 0 {
		t.Errorf("in the flood %v and after it %v, want answers 200 in both", report.Flood.Answers, report.After.Answers)
	}
}

// flooded is a report that meets every requirement.
func flooded() OverloadReport {
	return OverloadReport{
		Capacity: 1000, Goodput: 930, Others: 50, Refused: Refusals{Count: 9, P99: 0.05}, Recovery: 1.5,
		Flood:  Tally{Requests: 49, Answers: map[string]int{"200": 40}},
		Memory: []Memory{{Peak: 1, Bound: 1}}, OtherQuiet: Tally{P99: 0.02},
		OtherFlood: Tally{Requests: 100, Answers: map[string]int{"200": 100}, P99: 0.05},
	}
}

func TestEachRequirementIsJudged(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*OverloadReport)
		unmet string
	}{
		{"all is well", func(*OverloadReport) {}, ""},
		{"less done", func(r *OverloadReport) { r.Goodput = 890 }, "goodput"},
		{"too much memory", func(r *OverloadReport) { r.Memory[0].Peak++ }, "memory"},
		{"memory not looked at", func(r *OverloadReport) { r.Memory = nil }, "memory"},
		{"nothing refused", func(r *OverloadReport) { r.Refused = Refusals{} }, "excess"},
		{"answered otherwise", func(r *OverloadReport) { r.Flood.Requests++ }, "excess"},
		{"refused late", func(r *OverloadReport) { r.Refused.P99 = 0.1 }, "excess"},
		{"slow to recover", func(r *OverloadReport) { r.Recovery = 2.1 }, "normal"},
		{"no recovery", func(r *OverloadReport) { r.Recovery = -1 }, "normal"},
		{"the second slow", func(r *OverloadReport) { r.OtherFlood.P99 = 0.061 }, "second"},
		{"the second refused", func(r *OverloadReport) { r.OtherFlood.Answers["200"] = 99 }, "second"},
		{"the second not sent", func(r *OverloadReport) { r.OtherFlood = Tally{} }, "second"},
		{"sent late", func(r *OverloadReport) { r.Flood.SentLateP99 = 0.05 }, "in time"},
		{"not sent", func(r *OverloadReport) { r.Unsent = 1 }, "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := flooded()
			c.spoil(&r)
			r.judge()
			for _, v := range r.Verdicts {
				if want := c.unmet == "" || !strings.Contains(v.Requirement, c.unmet); v.Met != want {
					t.Errorf("%q met: %t, want %t", v.Requirement, v.Met, want)
				}
			}
			if r.OK() != (c.unmet == "") {
				t.Errorf("OK: %t", r.OK())
			}
		})
	}
}

func TestRefusalsAreSummedUp(t *testing.T) {
	const ms = time.Millisecond
	got := newRefusals(latencies{
		{verdict: refused, ended: 3 * ms, retryAfter: 4}, {verdict: right, ended: time.Second},
		{verdict: refused, ended: 1 * ms, retryAfter: 1}, {verdict: refused, ended: 2 * ms, retryAfter: 2},
	})
	if want := (Refusals{Count: 3, P50: 0.002, P99: 0.003, RetryAfter: [3]int{1, 2, 4}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A second with a single refusal is not normal.
func TestNormalIsWithoutRefusals(t *testing.T) {
	const ms = time.Millisecond
	all := traffic(func(time.Duration) time.Duration { return 5 * ms })
	if !all.normal(time.Second, 6*ms) || all.normal(time.Second, 5*ms) || all.normal(30*time.Second, 6*ms) {
		t.Error("a second of quick answers is not normal, or one of slow ones or none is")
	}
	all[150].verdict = refused
	if all.normal(time.Second, 6*ms) || !all.normal(2*time.Second, 6*ms) {
		t.Error("a second with a refusal is normal, or one after it is not")
	}
}
