package kubernetes

import (
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// peer is somebody at one end of a connection: a pod of a workload here, a pod of another namespace, or an address.
type peer struct {
	workload  workload
	inside    bool
	namespace map[string]string // labels of another namespace; its pods have none
	address   net.IP            // outside of the cluster
}

func within(w workload) peer { return peer{workload: w, inside: true} }

// port is what is dialled: by number, and by the name that the pod has for it.
type port struct {
	protocol corev1.Protocol
	number   int32
	name     string
}

// mayDial says what the policies make of a connection: it needs the leave of those that bind who dials, and of those
// that bind who is dialled. A pod that none binds may do all.
func (c cluster) mayDial(from, to peer, at port) bool {
	egress := !from.inside || c.permitted(from.workload, networkingv1.PolicyTypeEgress, func(spec networkingv1.NetworkPolicySpec) bool {
		return slices.ContainsFunc(spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
			return c.meets(rule.To, to) && concerns(rule.Ports, at)
		})
	})
	ingress := !to.inside || c.permitted(to.workload, networkingv1.PolicyTypeIngress, func(spec networkingv1.NetworkPolicySpec) bool {
		return slices.ContainsFunc(spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
			return c.meets(rule.From, from) && concerns(rule.Ports, at)
		})
	})
	return egress && ingress
}

func (c cluster) permitted(w workload, kind networkingv1.PolicyType, rule func(networkingv1.NetworkPolicySpec) bool) bool {
	bound := false
	for _, policy := range c.policies {
		if !slices.Contains(policy.Spec.PolicyTypes, kind) || !selects(&policy.Spec.PodSelector, w) {
			continue
		}
		if bound = true; rule(policy.Spec) {
			return true
		}
	}
	return !bound
}

// meets says whether a rule is about a peer; one that names nobody is about all.
func (c cluster) meets(peers []networkingv1.NetworkPolicyPeer, who peer) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		switch {
		case p.IPBlock != nil:
			return who.address != nil && inBlock(*p.IPBlock, who.address)
		case p.NamespaceSelector != nil:
			namespace := who.namespace
			if who.inside {
				namespace = map[string]string{corev1.LabelMetadataName: who.workload.meta.Namespace}
			}
			s, err := metav1.LabelSelectorAsSelector(p.NamespaceSelector)
			return err == nil && namespace != nil && s.Matches(labels.Set(namespace)) && (p.PodSelector == nil || who.inside && selects(p.PodSelector, who.workload))
		}
		return who.inside && selects(p.PodSelector, who.workload)
	})
}

func inBlock(block networkingv1.IPBlock, address net.IP) bool {
	in := func(text string) bool {
		_, network, err := net.ParseCIDR(text)
		return err == nil && network.Contains(address)
	}
	return in(block.CIDR) && !slices.ContainsFunc(block.Except, in)
}

func concerns(ports []networkingv1.NetworkPolicyPort, at port) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		return protocol == at.protocol && (p.Port == nil || p.Port.StrVal == at.name && at.name != "" || p.Port.StrVal == "" && p.Port.IntVal == at.number)
	})
}

// The rest of the world.
var (
	stranger   = peer{address: net.ParseIP("203.0.113.7")}
	metadata   = peer{address: net.ParseIP("169.254.169.254")}
	neighbour  = peer{namespace: map[string]string{corev1.LabelMetadataName: "another"}}
	prometheus = peer{namespace: map[string]string{corev1.LabelMetadataName: "monitoring"}}
)

// checkNetwork wants every port to be open to those who dial it, and to nobody else.
func checkNetwork(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		for _, l := range r.listenings(w) {
			at := port{protocol: corev1.ProtocolTCP, number: l.port}
			for _, named := range w.container().Ports {
				if named.ContainerPort == l.port {
					at.name = named.Name
				}
			}
			for _, from := range c.workloads {
				if got, want := c.mayDial(within(from), within(w), at), wants(from, w, l); got != want {
					p.add("%s %s dial port %d (%s) of %s", from, may(got), l.port, l.variable, w)
				}
			}
			clients := l.variable == "FAASD_HTTP" && !l.loopback
			scraped := l.variable == "FAASD_METRICS" && len(c.monitors) > 0
			for _, other := range []struct {
				name string
				who  peer
				want bool
			}{{"somebody outside", stranger, clients}, {"another namespace", neighbour, clients}, {"Prometheus", prometheus, clients || scraped}} {
				if got := c.mayDial(other.who, within(w), at); got != other.want {
					p.add("%s %s dial port %d (%s) of %s", other.name, may(got), l.port, l.variable, w)
				}
			}
		}
		p = append(p, checkEgress(c, w)...)
	}
	other := workload{kind: "Pod", meta: metav1.ObjectMeta{Name: "of something else"}}
	if c.mayDial(stranger, within(other), port{protocol: corev1.ProtocolTCP, number: 80}) {
		p.add("somebody outside may dial a pod that no policy is about")
	}
	return append(p, checkPolicies(c)...)
}

// checkEgress wants every pod to reach DNS, and functions alone whatever they like but the machine's credentials.
func checkEgress(c cluster, w workload) (p problems) {
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		if !c.mayDial(within(w), stranger, port{protocol: protocol, number: 53}) {
			p.add("%s may not ask DNS over %s", w, protocol)
		}
	}
	https := port{protocol: corev1.ProtocolTCP, number: 443}
	if got, want := c.mayDial(within(w), stranger, https), w.role() == "worker"; got != want {
		p.add("%s %s dial addresses outside", w, may(got))
	}
	if c.mayDial(within(w), metadata, port{protocol: corev1.ProtocolTCP, number: 80}) {
		p.add("%s may dial where clouds hand out credentials", w)
	}
	return p
}

// wants says whether there is a link.
func wants(from, to workload, l listening) bool {
	if l.loopback {
		return false
	}
	return l.variable == "FAASD_HTTP" || slices.ContainsFunc(links, func(k link) bool {
		return k.dialler == from.role() && k.listener == to.role() && k.bind == l.variable
	})
}

func may(yes bool) string {
	if yes {
		return "may"
	}
	return "may not"
}

// checkPolicies wants each policy to bind pods, and to name ports that these have: a mistyped name opens nothing.
func checkPolicies(c cluster) (p problems) {
	for _, policy := range c.policies {
		bound := 0
		for _, w := range c.workloads {
			if !selects(&policy.Spec.PodSelector, w) {
				continue
			}
			bound++
			for _, rule := range policy.Spec.Ingress {
				for _, at := range rule.Ports {
					if at.Port == nil || at.Port.StrVal == "" || w.port(at.Port.StrVal) == 0 {
						p.add("NetworkPolicy %s: %s has no port of the name %q", policy.Name, w, at.Port)
					}
				}
			}
		}
		if bound == 0 {
			p.add("NetworkPolicy %s binds no pod", policy.Name)
		}
	}
	return p
}
