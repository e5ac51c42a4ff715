package kubernetes

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// link says who dials whom (docs/PROTOCOL.md, "Links and sockets"). TestTheBaseIsASystemThatRuns sees in the kernel's
// tables that these are the connections that there are.
type link struct {
	dialler  string // role
	by       string // the dialler's variable; "" where it learns the address from the other side
	listener string // role
	bind     string // the listener's variable
}

var links = []link{
	{"frontend", "FAASD_BROKER", "broker", "FAASD_FRONTEND_BIND"},
	{"broker", "", "frontend", "FAASD_REPLY_BIND"},
	{"worker", "FAASD_BROKER", "broker", "FAASD_WORKER_BIND"},
	{"queue", "FAASD_BROKER_JOBS", "broker", "FAASD_JOB_BIND"},
	{"queue", "FAASD_BROKER", "broker", "FAASD_RESPONSE_BIND"},
	{"worker", "", "queue", "FAASD_WORKER_BIND"},
	{"worker", "", "frontend", "FAASD_PACKAGE_BIND"},
	{"frontend", "FAASD_COORDINATOR", "coordinator", "FAASD_SUBSCRIBE_BIND"},
	{"broker", "FAASD_COORDINATOR", "coordinator", "FAASD_SUBSCRIBE_BIND"},
	{"queue", "FAASD_COORDINATOR", "coordinator", "FAASD_SUBSCRIBE_BIND"},
	{"frontend", "", "coordinator", "FAASD_PUBLISH_BIND"},
	{"broker", "", "coordinator", "FAASD_PUBLISH_BIND"},
	{"queue", "", "coordinator", "FAASD_PUBLISH_BIND"},
}

// listening is a port that a workload's role binds.
type listening struct {
	variable string
	port     int32
	loopback bool // for the pod itself alone
}

// listenings are those of a workload, by what its manifest and the role's defaults say.
func (r roles) listenings(w workload) (found []listening) {
	_, stores := w.env("FAASD_STORE")
	for _, s := range r[w.role()] {
		ofStore := s.variable == "FAASD_ADMIN" || s.variable == "FAASD_PACKAGE_BIND"
		if !s.binds() || ofStore && !stores {
			continue
		}
		host, port, err := address(r.value(w, s.variable))
		if err == nil {
			found = append(found, listening{s.variable, port, net.ParseIP(host).IsLoopback()})
		}
	}
	return found
}

// value is what a setting has in a workload: the manifest's, else the role's default.
func (r roles) value(w workload, variable string) string {
	if v, ok := w.env(variable); ok {
		return v.Value
	}
	return r[w.role()][variable].def
}

// address takes tcp://HOST:PORT or HOST:PORT apart.
func address(endpoint string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "tcp://"))
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, int32(n), err
}

// checkPorts wants a container to name the ports that its role binds for others, and no others.
func checkPorts(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		bound := make(map[int32]string)
		for _, l := range r.listenings(w) {
			if l.loopback {
				continue
			}
			bound[l.port] = l.variable
			if !hasPort(w, l.port) {
				p.add("%s binds port %d (%s), which is no containerPort of it", w, l.port, l.variable)
			}
		}
		for _, port := range w.container().Ports {
			if bound[port.ContainerPort] == "" {
				p.add("%s: containerPort %d (%s) is bound by no setting of the role %s", w, port.ContainerPort, port.Name, w.role())
			}
		}
	}
	return p
}

// hasPort says whether a container names a port.
func hasPort(w workload, number int32) bool {
	return slices.ContainsFunc(w.container().Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == number })
}

// checkServices wants each Service to have pods, and to send them to ports that they have.
func checkServices(c cluster, _ roles) (p problems) {
	for _, s := range c.services {
		pods := c.selected(s)
		if len(pods) != 1 {
			p.add("Service %s selects the pods of %d workloads, want those of one", s.Name, len(pods))
		}
		for _, w := range pods {
			for _, port := range s.Spec.Ports {
				target := port.TargetPort.IntVal
				if name := port.TargetPort.StrVal; name != "" {
					target = w.port(name)
				}
				if !hasPort(w, target) {
					p.add("Service %s: port %d goes to port %s, which %s does not have", s.Name, port.Port, port.TargetPort.String(), w)
				}
			}
		}
	}
	for _, w := range c.workloads {
		if w.kind != "StatefulSet" {
			continue
		}
		if s, ok := c.service(w.service); !ok || s.Spec.ClusterIP != corev1.ClusterIPNone || len(c.selected(s)) != 1 || c.selected(s)[0].meta.Name != w.meta.Name {
			p.add("%s: its serviceName %q is no headless Service of its pods", w, w.service)
		}
	}
	return p
}

// checkDialled wants each address that a role is given to be a headless Service's, of those who listen for it: a name
// with one address would be one broker for as long as the connection lasts, and pods that are not ready would not be
// found by those without whom they never are.
func checkDialled(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		for _, s := range r[w.role()] {
			if !s.dials() {
				continue
			}
			for endpoint := range strings.SplitSeq(r.value(w, s.variable), ",") {
				if wrong := c.dialled(r, w, s.variable, endpoint); wrong != "" {
					p.add("%s: %s=%s: %s", w, s.variable, endpoint, wrong)
				}
			}
		}
	}
	return p
}

func (c cluster) dialled(r roles, w workload, variable, endpoint string) string {
	host, port, err := address(endpoint)
	if err != nil {
		return err.Error()
	}
	s, ok := c.service(host)
	switch {
	case !ok:
		return "there is no Service of that name"
	case s.Spec.ClusterIP != corev1.ClusterIPNone:
		return "its Service is not headless"
	case !s.Spec.PublishNotReadyAddresses:
		return "its Service does not name pods that are not ready yet"
	}
	for _, l := range links {
		if l.dialler != w.role() || l.by != variable {
			continue
		}
		for _, listener := range c.selected(s) {
			_, want, err := address(r.value(listener, l.bind))
			switch {
			case listener.role() != l.listener:
				return fmt.Sprintf("its pods are of the role %s, and a %s is dialled", listener.role(), l.listener)
			case err != nil || want != port:
				return fmt.Sprintf("%s listens for that at %s", listener, r.value(listener, l.bind))
			}
		}
		return ""
	}
	return "no link is known that is dialled by this setting"
}
