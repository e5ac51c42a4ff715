package chaos

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, c := range []struct {
		share  float64
		values []time.Duration
		want   time.Duration
	}{
		{0.99, hundred, 99},
		{0.5, hundred, 50},
		{1, hundred, 100},
		{0, hundred, 1},
		{0.991, hundred, 100},
		{0.99, []time.Duration{7}, 7},
		{0.5, []time.Duration{3, 1}, 1},
		{0.51, []time.Duration{3, 1}, 3},
	} {
		if got := percentile(c.share, c.values); got != c.want {
			t.Errorf("percentile(%v, %d values) = %d, want %d", c.share, len(c.values), got, c.want)
		}
	}
}

// traffic is a request every 10 ms for 20 s that takes what slow says.
func traffic(slow func(due time.Duration) time.Duration) latencies {
	var outcomes []outcome
	for due := time.Duration(0); due < 20*time.Second; due += 10 * time.Millisecond {
		o := outcome{due: due, ended: due + slow(due)}
		if slow(due) == forever {
			o.verdict, o.ended = held, due
		}
		outcomes = append(outcomes, o)
	}
	return newLatencies(outcomes)
}

func TestRecovery(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	between := func(from, until, slow time.Duration) func(time.Duration) time.Duration {
		return func(due time.Duration) time.Duration {
			if due >= from && due < until {
				return slow
			}
			return 5 * ms
		}
	}
	for _, c := range []struct {
		name string
		slow func(time.Duration) time.Duration
		want time.Duration
		ok   bool
	}{
		{"nothing happens", between(0, 0, 0), 0, true},
		{"slower, but below four times", between(10*s, 20*s, 19*ms), 0, true},
		{"four times as slow for three seconds", between(10*s, 13*s, 20*ms), 3 * s, true},
		{"no answers for three seconds", between(10*s, 13*s, forever), 3 * s, true},
		{"slow half a second later", between(10500*ms, 12*s, s), 2 * s, true},
		{"slow again much later", between(15*s, 16*s, s), 0, true},
		{"slow until the end", between(12*s, 20*s, s), 0, true},
		{"slow from the beginning to the end", between(10*s, 20*s, s), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, before, ok := traffic(c.slow).recovery(10*s, 20*s)
			if before != 5*ms || ok != c.ok || (got-c.want).Abs() > 2*step {
				t.Errorf("recovered after %s, %t, from 99th percentile %s; want %s, %t, from 5ms", got, ok, before, c.want, c.ok)
			}
		})
	}
	if _, _, ok := traffic(func(time.Duration) time.Duration { return forever }).recovery(10*s, 20*s); ok {
		t.Error("no answers before nor after, and recovered")
	}
	if _, _, ok := (latencies{}).recovery(10*s, 20*s); ok {
		t.Error("no requests at all, and recovered")
	}
}
