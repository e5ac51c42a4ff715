package kubernetes

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pod is a process that stands for a pod: its role, with the very environment that the manifest gives it. What a
// cluster would do for it is done here: it has an address of its own among those of the loopback, `*` and 0.0.0.0 are
// that one, names of Services are the addresses of their pods, and volumes are folders.
type pod struct {
	workload workload
	name     string
	address  string // of the pod
	inner    string // stands for the pod's own loopback
	volumes  string
	process  *exec.Cmd
	lifeline *os.File // never written: it ends with this process, however that does
	said     bytes.Buffer
}

// pods numbers the pods of a cluster.
func pods(t *testing.T, c cluster) (all []*pod) {
	t.Helper()
	address := netip.AddrFrom4([4]byte{127, byte(64 + os.Getpid()%64), byte(os.Getpid() >> 6 & 0xff), 1})
	for _, w := range c.workloads {
		for i := range w.count() {
			p := &pod{workload: w, name: fmt.Sprintf("%s-%d", w.meta.Name, i), address: address.String(), volumes: t.TempDir()}
			if w.kind == "Deployment" {
				p.name = fmt.Sprintf("%s-7d9f8c6b54-x2x4%d", w.meta.Name, i)
			}
			p.inner = address.Next().String()
			address = address.Next().Next()
			all = append(all, p)
		}
	}
	return all
}

// environment is the pod's, with what the cluster puts into it.
func (p *pod) environment(c cluster, all []*pod) []string {
	var env []string
	for _, v := range p.workload.container().Env {
		value := v.Value
		switch {
		case fromPod(p.workload, v.Name, "metadata.name"):
			value = p.name
		case fromPod(p.workload, v.Name, "status.podIP"):
			value = p.address
		default:
			value = p.settle(c, all, value)
		}
		env = append(env, v.Name+"="+value)
	}
	return env
}

// settle puts addresses and folders of this machine into a value.
func (p *pod) settle(c cluster, all []*pod, value string) string {
	for _, m := range p.workload.container().VolumeMounts {
		if below, ok := strings.CutPrefix(value, m.MountPath); ok {
			return filepath.Join(p.volumes, m.Name) + below
		}
	}
	transport, at := "", value
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		transport, at = scheme+"://", rest
	}
	host, port, ok := strings.Cut(at, ":")
	if !ok {
		return value
	}
	switch host {
	case "", "*", "0.0.0.0":
		return transport + p.address + ":" + port
	case "127.0.0.1":
		return transport + p.inner + ":" + port
	}
	s, ok := c.service(host)
	if !ok {
		return value
	}
	var endpoints []string
	for _, w := range c.selected(s) {
		for _, other := range all {
			if other.workload.meta.Name == w.meta.Name {
				endpoints = append(endpoints, transport+other.address+":"+port)
			}
		}
	}
	return strings.Join(endpoints, ",")
}

// start starts the pod's process, which is stopped at the test's end as a cluster stops it.
func (p *pod) start(t *testing.T, c cluster, all []*pod) {
	t.Helper()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	p.lifeline = ours
	p.process = exec.Command(filepath.Join(bin, "faasd"), p.workload.container().Args...)
	p.process.Env = append(p.environment(c, all), "PATH="+os.Getenv("PATH"), "FAASD_LIFELINE_FD=3")
	p.process.ExtraFiles = []*os.File{theirs}
	p.process.Stderr = &p.said
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.said.String())
		}
	})
}

// stop asks the processes of all pods to stop, and kills those that take longer than their manifest allows.
func stop(t *testing.T, all []*pod) {
	for _, p := range all {
		if p.process != nil && p.process.Process != nil {
			_ = p.process.Process.Signal(syscall.SIGTERM)
		}
	}
	for _, p := range all {
		if p.process == nil || p.process.Process == nil {
			continue
		}
		killed := false
		late := time.AfterFunc(time.Duration(*p.workload.template.Spec.TerminationGracePeriodSeconds)*time.Second, func() {
			killed = true
			_ = p.process.Process.Kill()
		})
		err := p.process.Wait()
		if late.Stop(); killed || err != nil {
			t.Errorf("%s, asked to stop: %v (killed: %v)", p.name, err, killed)
		}
		_ = p.lifeline.Close()
	}
}
