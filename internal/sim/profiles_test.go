package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// mixed does everything to everybody.
var mixed = profile{name: "mixed", faults: everything, count: 10, spare: true, poison: 2}

// profiles are one fault each, or few, and what is promised under those alone.
var profiles = []profile{
	{name: "brokers die", faults: []fault{crash, crashMid}, count: 6, hits: are("broker"), once: true, unique: true, long: 6, shape: many},
	{name: "queues die", faults: []fault{crash, crashMid}, count: 6, hits: are("queue"), unique: true, poison: 2},
	{name: "brokers and queues die", faults: []fault{crash}, count: 8, hits: are("broker", "queue"), unique: true, long: 6, shape: many},
	{name: "queues stop", faults: []fault{stop}, count: 8, hits: are("queue"), zombies: true},
	{name: "queues are cut off and stop", faults: []fault{stopApart}, count: 6, hits: are("queue"), zombies: true},
	{name: "queues are replaced", faults: []fault{replace}, count: 4, hits: are("queue"), zombies: true},
	{name: "workers die", faults: []fault{crash}, count: 10, hits: are("worker", "req", "mdp"), orderly: true, unique: true, herd: true, forgets: true, shape: few},
	{name: "workers stop", faults: []fault{stop}, count: 8, hits: are("worker"), zombies: true, shape: few},
	{name: "workers are poisoned", faults: []fault{crash}, count: 1, hits: are("coordinator"), poison: 10, unique: true, shape: thrice},
	{name: "links fail", faults: []fault{partition, breakPipe, lose, repeating}, count: 10, shape: remote},
	{name: "parts stop", faults: []fault{stop}, count: 12},
	{name: "one broker is left", faults: []fault{vanish, crash}, count: 10, hits: are("broker2", "worker", "req", "mdp"), spare: true},
	{name: "the bus dies", faults: []fault{crash}, count: 12, hits: are("coordinator", "queue", "frontend")},
	{name: "one function floods", faults: []fault{crash}, count: 1, hits: are("coordinator"), flood: true, shape: shallow},
	{name: "a flood shares workers", faults: []fault{crash}, count: 1, hits: are("coordinator"), flood: true, shared: true, shape: single},
	{name: "runs are brief", faults: []fault{crash, stop, operate}, count: 10, hits: are("worker"), brief: true, forgets: true, shape: few},
	{name: "a queue has no broker", faults: []fault{orphan, operate}, count: 3, hits: are("queueA", "worker")},
	{name: "little room", faults: []fault{slowDown}, count: 4, shape: narrow, once: true},
}

// isProfile is whether a profile has that name.
func isProfile(name string) bool { return name == mixed.name || slices.Contains(profileNames(), name) }

func profileNames() (names []string) {
	for _, p := range profiles {
		names = append(names, p.name)
	}
	return names
}

// are matches processes whose names begin with one of those.
func are(names ...string) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(name, n) })
	}
}

func remote(_ *rand.Rand, l *Layout) { l.Remote = true }

// few slots: jobs wait.
func few(_ *rand.Rand, l *Layout) { l.Slots = 1 }

// single queue, in which a flood may wait.
func single(_ *rand.Rand, l *Layout) { l.Queues, l.Slots, l.Window, l.WindowBytes = 1, 2, 4096, 1<<30 }

// shallow windows, in count alone.
func shallow(_ *rand.Rand, l *Layout) { l.Window, l.WindowBytes = 32, 1<<20 }

// many slots: jobs that take long keep nobody waiting.
func many(_ *rand.Rand, l *Layout) { l.Slots = 8 }

// thrice is how often any job may be run.
func thrice(_ *rand.Rand, l *Layout) { l.Attempts = poisonAttempts }

// narrow windows, in bytes: two of the largest bodies, each with its result.
func narrow(_ *rand.Rand, l *Layout) { l.WindowBytes = 32 << 10 }
