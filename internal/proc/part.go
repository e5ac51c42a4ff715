package proc

import "strings"

const (
	coordinator = "coordinator"
	broker      = "broker"
	queue       = "queue"
	worker      = "worker"
	frontend    = "frontend"
)

// roles is the command line of each role: which flag binds which link of the
// ready line, and which flag takes which other role's link.
var roles = map[string]struct {
	binds []bind
	dials []dial
	http  bool
}{
	coordinator: {
		binds: []bind{{"--publish-bind", "publish"}, {"--subscribe-bind", "subscribe"}},
	},
	broker: {
		binds: []bind{
			{"--frontend-bind", "frontends"}, {"--worker-bind", "workers"},
			{"--job-bind", "jobs"}, {"--response-bind", "responses"},
		},
		dials: []dial{{"--coordinator", coordinator, "subscribe"}},
	},
	queue: {
		binds: []bind{{"--worker-bind", "workers"}},
		dials: []dial{
			{"--broker", broker, "responses"}, {"--broker-jobs", broker, "jobs"},
			{"--coordinator", coordinator, "subscribe"},
		},
	},
	worker: {
		dials: []dial{{"--broker", broker, "workers"}},
	},
	frontend: {
		binds: []bind{{"--reply-bind", "replies"}},
		dials: []dial{{"--broker", broker, "frontends"}, {"--coordinator", coordinator, "subscribe"}},
		http:  true,
	},
}

type (
	bind struct{ flag, link string }
	dial struct{ flag, role, link string }
)

// part is one process of a [System], over all its restarts.
type part struct {
	role string
	name string
	args []string // further flags

	// Written under System.mu by the goroutine that starts the part, which
	// alone may read them without.
	process *Process          // the current or last one; nil before the first
	links   map[string]string // what it bound when it was last ready
	url     string            // where it served HTTP when it was last ready
}

// endpoint is what to bind for a link: what was bound before, so that who is
// connected finds the part again, else a port that the kernel picks.
func (p *part) endpoint(link string) string {
	if e := p.links[link]; e != "" {
		return e
	}
	return "tcp://127.0.0.1:0"
}

// address is where to serve HTTP, likewise.
func (p *part) address() string {
	if p.url != "" {
		return strings.TrimPrefix(p.url, "http://")
	}
	return "127.0.0.1:0"
}
