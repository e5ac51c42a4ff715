package compose

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	stack "github.com/docker/cli/cli/compose/loader"
	stacktypes "github.com/docker/cli/cli/compose/types"
)

// The files, seen from this package's folder.
const (
	root        = "../../.."
	composeFile = root + "/docker-compose.yml"
	swarmFile   = root + "/deploy/swarm/docker-compose.yml"
)

// services are the report's.
var services = []string{"broker", "coord-broker", "front", "queueA", "queueB", "queueC", "worker"}

// load reads the file as Compose v2 does.
func load(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{composeFile}, cli.WithName("faasd"), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("Compose v2 refuses %s: %v", composeFile, err)
	}
	return project
}

func TestComposeV2TakesTheFile(t *testing.T) {
	p := load(t)
	if names := slices.Sorted(maps.Keys(p.Services)); !slices.Equal(names, services) {
		t.Fatalf("the services are %v, want the report's %v", names, services)
	}
	images := make(map[string]bool)
	for name, s := range p.Services {
		images[s.Image] = true
		if s.ContainerName != "" {
			t.Errorf("%s has a container_name: it cannot be scaled", name)
		}
		if s.Privileged || s.User != "10001:10001" || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may more than it needs", name)
		}
		if s.Init == nil || !*s.Init || s.Restart != "unless-stopped" {
			t.Errorf("%s has no init, or is not started again", name)
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= 8*time.Second {
			t.Errorf("%s is killed before --grace is over", name)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 {
			t.Errorf("%s may take all memory", name)
		}
		if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == types.VolumeTypeTmpfs && v.Target == "/tmp" }) {
			t.Errorf("%s has no /tmp to write to", name)
		}
	}
	if len(images) != 1 {
		t.Errorf("the images are %v, want one", slices.Collect(maps.Keys(images)))
	}
	front := p.Services["front"]
	if len(front.Ports) != 1 || front.Ports[0].Target != 3000 || front.Ports[0].Published != "3000" {
		t.Errorf("front is published as %v, want 3000", front.Ports)
	}
	for name, s := range p.Services {
		if name != "front" && len(s.Ports) > 0 {
			t.Errorf("%s can be reached from outside", name)
		}
	}
	if worker := p.Services["worker"]; worker.GetScale() != 3 {
		t.Errorf("there are %d workers, want 3", worker.GetScale())
	}
}

// Every address is said by the environment, and is the one that its other end binds.
func TestPartsFindEachOther(t *testing.T) {
	p := load(t)
	bound := func(service, variable string) string {
		_, port, ok := strings.Cut(*p.Services[service].Environment[variable], "://*:")
		if !ok {
			t.Fatalf("%s: %s is not bound to all addresses", service, variable)
		}
		return "tcp://" + service + ":" + port
	}
	brokers := map[string]string{"front": "FAASD_FRONTEND_BIND", "worker": "FAASD_WORKER_BIND"}
	for name, s := range p.Services {
		if len(s.Command) != 1 {
			t.Errorf("%s runs %v, want a role alone: addresses belong in the environment", name, s.Command)
		}
		env := func(variable string) string {
			if v := s.Environment[variable]; v != nil {
				return *v
			}
			return ""
		}
		bind, ok := brokers[name]
		if strings.HasPrefix(name, "queue") {
			bind, ok = "FAASD_RESPONSE_BIND", true
			if got, want := env("FAASD_BROKER_JOBS"), bound("broker", "FAASD_JOB_BIND"); got != want {
				t.Errorf("%s subscribes at %s, want %s", name, got, want)
			}
			if env("FAASD_NAME") != name {
				t.Errorf("%s calls itself %s", name, env("FAASD_NAME"))
			}
			bound(name, "FAASD_WORKER_BIND")
		}
		if got := env("FAASD_BROKER"); ok && got != bound("broker", bind) {
			t.Errorf("%s looks for a broker at %s, want %s", name, got, bound("broker", bind))
		}
		if name != "worker" && name != "coord-broker" && env("FAASD_COORDINATOR") != bound("coord-broker", "FAASD_SUBSCRIBE_BIND") {
			t.Errorf("%s looks for a coordinator at %s", name, env("FAASD_COORDINATOR"))
		}
	}
	if host, _, _ := strings.Cut(*p.Services["front"].Environment["FAASD_ADMIN"], ":"); host != "127.0.0.1" {
		t.Errorf("who reaches %s deploys functions: want the loopback of the container", host)
	}
}

// Senders are stopped before who receives, so that what has been accepted is answered.
func TestSendersDependOnReceivers(t *testing.T) {
	p := load(t)
	for sender, receivers := range map[string][]string{
		"front": {"broker"}, "broker": {"queueA", "queueB", "queueC"},
		"queueA": {"coord-broker", "worker"}, "queueB": {"coord-broker", "worker"}, "queueC": {"coord-broker", "worker"},
	} {
		if got := slices.Sorted(maps.Keys(p.Services[sender].DependsOn)); !slices.Equal(got, receivers) {
			t.Errorf("%s depends on %v, want %v", sender, got, receivers)
		}
	}
}

// laid is what `docker stack deploy` makes of the file and its overlay.
func laid(t *testing.T) *stacktypes.Config {
	t.Helper()
	details := stacktypes.ConfigDetails{WorkingDir: root, Environment: map[string]string{}}
	for _, file := range []string{composeFile, swarmFile} {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		content, err := stack.ParseYAML(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		details.ConfigFiles = append(details.ConfigFiles, stacktypes.ConfigFile{Filename: file, Config: content})
	}
	config, err := stack.Load(details)
	if err != nil {
		t.Fatalf("docker stack deploy refuses the files: %v", err)
	}
	return config
}

func TestStackDeployTakesTheFilesTogether(t *testing.T) {
	config := laid(t)
	var names []string
	for _, s := range config.Services {
		names = append(names, s.Name)
		mode := "dnsrr"
		if s.Name == "front" {
			mode = "" // its clients come by the address in front of its tasks
		}
		if s.Deploy.EndpointMode != mode {
			t.Errorf("%s is found by endpoint mode %q, want %q", s.Name, s.Deploy.EndpointMode, mode)
		}
		if h := s.HealthCheck; h == nil || !slices.Equal(h.Test, []string{"CMD", "faasd", "health", "--alive"}) {
			t.Errorf("%s: a task whose check asks for more than life is found by nobody until it has found others: %+v", s.Name, h)
		}
		if s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || len(s.Command) == 0 || s.Image == "" {
			t.Errorf("%s has lost what docker-compose.yml says", s.Name)
		}
		if s.Deploy.UpdateConfig == nil || s.Deploy.UpdateConfig.Order != "start-first" {
			t.Errorf("%s is away while it is updated", s.Name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, services) {
		t.Errorf("the services are %v, want %v", names, services)
	}
}
