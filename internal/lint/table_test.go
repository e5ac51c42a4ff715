package lint

import "slices"

// A row says what one package of this module may import from this module. Names are folders below the module's root; a
// name that ends in /... stands for the folder and everything below it. A package is judged by the row that names it
// exactly, else by the longest /... row that covers it. Packages covered by one /... row may import each other.
type row struct {
	pkg string
	may []string
}

// roles never import each other, nor does anything that must stay outside a role's process import them.
var roles = []string{
	"internal/frontend/...",
	"internal/broker/...",
	"internal/queue/...",
	"internal/coordinator/...",
	"internal/worker/...",
	"internal/supervisor/...",
	"internal/registrar/...",
}

// forRoles is what a role may use.
var forRoles = []string{
	"internal/role",
	"internal/wire",
	"internal/job",
	"internal/function/...",
	"internal/registry",
	"internal/config",
	"internal/metrics",
	"internal/latency",
	"internal/bus",
	"internal/cluster",
	"internal/operator",
}

// table is the whole import graph that is allowed, from the parts that know nothing to the programs.
var table = []row{
	{"internal/lint", nil},
	{"internal/role", nil},
	{"internal/role/roletest", []string{"internal/role"}},
	{"internal/wire", nil},
	{"internal/job", []string{"internal/wire"}},
	{"internal/job/jobtest", []string{"internal/job", "internal/wire"}},
	{"internal/function/...", nil},
	{"internal/registry", []string{"internal/config"}},
	{"internal/config", nil},
	{"internal/metrics", nil},
	{"internal/latency", nil},
	{"internal/resolve", nil},
	{"internal/resolve/resolvetest", []string{"internal/resolve"}},
	{"internal/bus", []string{"internal/role", "internal/wire", "internal/metrics", "internal/resolve"}},
	{"internal/cluster", []string{"internal/role", "internal/wire", "internal/latency"}},
	{"internal/operator", []string{"internal/bus", "internal/resolve", "internal/latency", "internal/cluster", "internal/wire", "internal/role"}},

	{"internal/frontend/...", forRoles},
	{"internal/broker/...", forRoles},
	{"internal/queue/...", forRoles},
	{"internal/coordinator/...", forRoles},
	{"internal/worker/...", forRoles},
	// Who keeps the workers of `up`; on the bus like every role, so that operators can scale them.
	{"internal/supervisor/...", forRoles},
	{"internal/registrar/...", forRoles},
	// Deploying, as it is asked for over HTTP, and its client: faasctl links this, and not who deploys.
	{"internal/registrar/admin", []string{"internal/registry", "internal/config"}},
	// A worker's deployed functions; beside the role, which knows nothing of kinds and packages.
	{"internal/library", []string{"internal/function/...", "internal/registry", "internal/wire"}},

	// A process has one ZeroMQ context, one set of metrics and its settings; node makes them for the roles it starts.
	// The workers of `up` are started as processes are anywhere: so that they die with their parent.
	{"internal/node", slices.Concat(roles, []string{"internal/role", "internal/wire", "internal/job", "internal/function/...", "internal/bus", "internal/resolve", "internal/config", "internal/metrics", "internal/proc", "internal/library", "internal/registry"})},
	// The simulator looks into the messages that it delays, drops and repeats.
	{"internal/sim", slices.Concat(roles, []string{"internal/role", "internal/wire", "internal/cluster"})},

	// Deploying, as it is asked for over HTTP, and its client: faasctl links this, and not who deploys.

	{"internal/proc", []string{"internal/config"}},
	{"internal/acceptance", []string{"internal/proc", "internal/operator"}},
	{"internal/deployed", []string{"internal/proc", "internal/operator", "internal/config", "internal/registry", "internal/registrar/admin"}},
	{"internal/chaos", []string{"internal/proc", "internal/operator", "internal/registry", "internal/registrar/admin"}},
	// What is deployed to a system that is tried: it knows nothing of it.
	{"internal/chaos/guest", nil},
	{"internal/chaos/cmd", []string{"internal/chaos", "internal/config"}},
	// What docker-compose.yml promises, from outside.
	{"internal/compose", []string{"internal/operator", "internal/acceptance", "internal/chaos"}},
	// A worker as cmd/faasd starts them, with functions of its own: only what a worker really does can be slow in its way.
	{"internal/chaos/timed", []string{"internal/node", "internal/config", "internal/function/..."}},
	{"internal/chaos/failing", []string{"internal/node", "internal/config", "internal/function/..."}},

	{"tui/...", []string{"internal/operator", "internal/cluster", "internal/acceptance"}},
	{"cmd/faasd", []string{"internal/node", "internal/config", "internal/function/..."}},
	{"cmd/faasctl", []string{"internal/operator", "internal/acceptance", "tui/...", "internal/config", "internal/registry", "internal/registrar/admin"}},
}

// forTests may be imported by the tests of any package, besides the package itself and what its row allows.
var forTests = []string{"internal/sim", "internal/job/jobtest", "internal/role/roletest", "internal/proc", "internal/resolve", "internal/resolve/resolvetest"}

// An outsider is a folder with a module of its own, which may not import the product.
type outsider struct{ folder, why string }

var modules = []outsider{
	{"bench", "the benchmark knows faasd only from outside"},
	{"conformance", "programs that faasd must work with unmodified know nothing of it"},
	{"examples", "functions as users write them know nothing of it"},
	{"deploy", "what engines are told of it is checked without it"},
}

// outside lists modules of others that only some packages may import; the rest of go.mod is free for all.
var outside = []struct {
	module string
	users  []string
}{
	{"github.com/pebbe/zmq4", []string{"internal/bus"}},
	{"github.com/DataDog/sketches-go", []string{"internal/latency"}},
	{"github.com/valyala/fasthttp", []string{"internal/frontend/httpserver"}},
	{"github.com/charmbracelet", []string{"tui/...", "cmd/faasctl"}},
	{"charm.land", []string{"tui/...", "cmd/faasctl"}},
	{"github.com/tetratelabs/wazero", []string{"internal/function/wasm/..."}},
	{"github.com/aws", []string{"conformance/...", "examples/..."}},
	{"go.yaml.in/yaml", []string{"internal/registry"}},
}

// unreachable says what a program must not link, however indirectly. The operator's program starts fast and runs beside
// any cluster because it carries neither the roles nor a WebAssembly engine.
var unreachable = []struct {
	program string
	but     []string // of what is named next, these may
	never   []string
}{
	{"cmd/faasctl", []string{"internal/registrar/admin"}, slices.Concat(roles, []string{
		"internal/node",
		"internal/function/wasm",
		"github.com/tetratelabs/wazero/...",
		"github.com/bytecodealliance/wasmtime-go/...",
		"github.com/wasmerio/wasmer-go/...",
	})},
}
