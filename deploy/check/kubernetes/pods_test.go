package kubernetes

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	psa "k8s.io/pod-security-admission/policy"
)

// checkSettings wants every variable to be a setting of its role, and what names a part to be the pod's own.
func checkSettings(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		settings, ok := r[w.role()]
		if !ok {
			p.add("%s: %q is no role", w, w.role())
			continue
		}
		for _, v := range w.container().Env {
			if s, ok := settings[v.Name]; strings.HasPrefix(v.Name, "FAASD_") && !ok {
				p.add("%s: %s is no setting of faasd %s", w, v.Name, w.role())
			} else if ok && v.ValueFrom == nil && v.Value == "" {
				p.add("%s: %s is empty, which counts as not set", w, s.variable)
			}
		}
		if _, ok := settings["FAASD_NAME"]; ok && !fromPod(w, "FAASD_NAME", "metadata.name") {
			p.add("%s: its pods have no names of their own (FAASD_NAME from metadata.name)", w)
		}
		if _, ok := settings["FAASD_ADVERTISE"]; ok && !fromPod(w, "FAASD_ADVERTISE", "status.podIP") {
			p.add("%s: its pods cannot be dialled by the name that they say (FAASD_ADVERTISE from status.podIP)", w)
		}
		if !partName.MatchString(w.meta.Name + longestSuffix) {
			p.add("%s: a pod's name would be none that faasd takes", w)
		}
	}
	return p
}

// partName is what faasd takes as a name; longestSuffix what Kubernetes makes of a Deployment's name for a pod.
var partName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

const longestSuffix = "-7d9f8c6b54-x2x4z"

func fromPod(w workload, variable, field string) bool {
	v, _ := w.env(variable)
	return v.ValueFrom != nil && v.ValueFrom.FieldRef != nil && v.ValueFrom.FieldRef.FieldPath == field
}

// checkSecurity asks what decides in a cluster whether a namespace of the level "restricted" takes a pod, and wants some
// things more: a root that cannot be written to, no way into Kubernetes' API, no variables that look like settings.
func checkSecurity(c cluster, _ roles) (p problems) {
	evaluator, err := psa.NewEvaluator(psa.DefaultChecks(), nil)
	if err != nil {
		return problems{err.Error()}
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, w := range c.workloads {
		spec := w.template.Spec
		if verdict := psa.AggregateCheckResults(evaluator.EvaluatePod(restricted, &w.template.ObjectMeta, &spec)); !verdict.Allowed {
			p.add("%s: %s", w, verdict.ForbiddenDetail())
		}
		if s := w.container().SecurityContext; s == nil || !isTrue(s.ReadOnlyRootFilesystem) {
			p.add("%s: its root file system can be written to", w)
		}
		if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
			p.add("%s: it is given a token for Kubernetes' API", w)
		}
		if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
			p.add("%s: Services become variables (enableServiceLinks)", w)
		}
	}
	for _, n := range c.namespaces {
		if n.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
			p.add("Namespace %s takes pods that are not restricted", n.Name)
		}
	}
	return p
}

func isTrue(b *bool) bool { return b != nil && *b }

// served are the paths that probes may ask for, by the setting of the listener. TestTheBaseIsASystemThatRuns asks.
var served = map[string][]string{
	"FAASD_METRICS": {"/healthz", "/readyz"},
	"FAASD_HTTP":    {"/healthz", "/readyz"},
}

// checkProbes wants all three, at paths that the role serves, and the liveness probe to ask nothing of other parts.
func checkProbes(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		container := w.container()
		for name, probe := range map[string]*corev1.Probe{
			"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe,
		} {
			if probe == nil || probe.HTTPGet == nil {
				p.add("%s has no %s probe over HTTP", w, name)
				continue
			}
			number := probe.HTTPGet.Port.IntVal
			if probe.HTTPGet.Port.StrVal != "" {
				number = w.port(probe.HTTPGet.Port.StrVal)
			}
			known := slices.ContainsFunc(r.listenings(w), func(l listening) bool {
				return !l.loopback && l.port == number && slices.Contains(served[l.variable], probe.HTTPGet.Path)
			})
			if !known {
				p.add("%s: nobody serves its %s probe, %s at port %s", w, name, probe.HTTPGet.Path, probe.HTTPGet.Port.String())
			}
			if name != "readiness" && probe.HTTPGet.Path == "/readyz" {
				p.add("%s: its %s probe asks for readiness: others' failures would end it", w, name)
			}
		}
	}
	return p
}

// margin is what stopping may take beyond --grace: slow clients have a second for the last answers.
const margin = 2 * time.Second

// checkGrace wants Kubernetes to wait longer than the role does.
func checkGrace(c cluster, r roles) (p problems) {
	for _, w := range c.workloads {
		grace, err := time.ParseDuration(r.value(w, "FAASD_GRACE"))
		if err != nil {
			p.add("%s: FAASD_GRACE: %v", w, err)
			continue
		}
		before := beforeStop(w.container())
		seconds := int64(30) // Kubernetes' default
		if s := w.template.Spec.TerminationGracePeriodSeconds; s != nil {
			seconds = *s
		}
		if killed := time.Duration(seconds) * time.Second; killed < before+grace+margin {
			p.add("%s is killed after %s, and may take %s and %s (FAASD_GRACE) to stop", w, killed, before, grace)
		}
	}
	return p
}

// beforeStop is how long the hook sleeps that runs before a container is told to stop.
func beforeStop(c corev1.Container) time.Duration {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return 0
	}
	if s := c.Lifecycle.PreStop.Sleep; s != nil {
		return time.Duration(s.Seconds) * time.Second
	}
	if e := c.Lifecycle.PreStop.Exec; e != nil && len(e.Command) == 2 && path.Base(e.Command[0]) == "sleep" {
		seconds, _ := strconv.Atoi(e.Command[1])
		return time.Duration(seconds) * time.Second
	}
	return 0
}

// checkPods wants selectors to match, names that Kubernetes takes, resources, and folders that can be written to where
// the role writes.
func checkPods(c cluster, _ roles) (p problems) {
	for _, w := range c.workloads {
		container := w.container()
		if container.Name == "" {
			p.add("%s has %d containers, want one", w, len(w.template.Spec.Containers))
			continue
		}
		if !selects(w.selector, w) {
			p.add("%s does not select its own pods", w)
		}
		for _, other := range c.workloads {
			if other.meta.Name != w.meta.Name && selects(w.selector, other) {
				p.add("%s selects the pods of %s", w, other)
			}
		}
		for _, s := range w.template.Spec.TopologySpreadConstraints {
			if s.LabelSelector == nil || !selects(s.LabelSelector, w) || !spreadsItsOwn(s, w) {
				p.add("%s: its pods are spread among others (topologySpreadConstraints)", w)
			}
		}
		if len(w.template.Spec.TopologySpreadConstraints) == 0 {
			p.add("%s: its pods may all be on one machine", w)
		}
		for _, port := range container.Ports {
			if errs := validation.IsValidPortName(port.Name); len(errs) > 0 {
				p.add("%s: port %q: %s", w, port.Name, strings.Join(errs, ", "))
			}
		}
		requests, limits := container.Resources.Requests, container.Resources.Limits
		if requests.Cpu().IsZero() || requests.Memory().IsZero() || limits.Memory().IsZero() || limits.Memory().Cmp(*requests.Memory()) < 0 {
			p.add("%s: it says too little of processors and memory (resources)", w)
		}
		p = append(p, checkFolders(c, w)...)
	}
	return p
}

// spreadsItsOwn says whether a constraint counts the pods of this workload alone.
func spreadsItsOwn(s corev1.TopologySpreadConstraint, w workload) bool {
	return slices.Contains(s.MatchLabelKeys, component) || s.LabelSelector.MatchLabels[component] == w.template.Labels[component]
}

const component = "app.kubernetes.io/component"

// checkFolders wants what the role writes to be on volumes, and these to be there.
func checkFolders(c cluster, w workload) (p problems) {
	container := w.container()
	for _, variable := range []string{"FAASD_STORE", "FAASD_WORK"} {
		v, ok := w.env(variable)
		if !ok && (variable == "FAASD_STORE" || w.role() != "worker") {
			continue
		}
		if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
			return !m.ReadOnly && strings.HasPrefix(v.Value+"/", m.MountPath+"/")
		}) {
			p.add("%s: %s=%s is on no volume", w, variable, v.Value)
		}
	}
	for _, m := range container.VolumeMounts {
		if !slices.ContainsFunc(w.template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
			p.add("%s mounts %s, which is no volume of it", w, m.Name)
		}
	}
	for _, v := range w.template.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		i := slices.IndexFunc(c.claims, func(claim corev1.PersistentVolumeClaim) bool { return claim.Name == v.PersistentVolumeClaim.ClaimName })
		switch {
		case i < 0:
			p.add("%s: there is no PersistentVolumeClaim %s", w, v.PersistentVolumeClaim.ClaimName)
		case w.count() > 1 && !slices.Contains(c.claims[i].Spec.AccessModes, corev1.ReadWriteMany):
			p.add("%s: %d pods share the volume %s, which is one machine's at a time", w, w.count(), v.Name)
		}
		if s := w.template.Spec.SecurityContext; s == nil || s.FSGroup == nil {
			p.add("%s: a new volume is root's, and nobody gives it to faasd's user (fsGroup)", w)
		}
	}
	return p
}
