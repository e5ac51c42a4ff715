package kubernetes

import (
	"fmt"
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// cluster is what a kustomization makes, decoded.
type cluster struct {
	namespaces []corev1.Namespace
	workloads  []workload
	services   []corev1.Service
	claims     []corev1.PersistentVolumeClaim
	policies   []networkingv1.NetworkPolicy
	budgets    []policyv1.PodDisruptionBudget
	scalers    []autoscalingv2.HorizontalPodAutoscaler
	monitors   []monitoringv1.PodMonitor
	keda       []scaledObject
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	kind     string
	meta     metav1.ObjectMeta
	replicas *int32
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
	service  string // of a StatefulSet
}

func ofDeployment(d appsv1.Deployment) workload {
	return workload{"Deployment", d.ObjectMeta, d.Spec.Replicas, d.Spec.Selector, d.Spec.Template, ""}
}

func ofStatefulSet(s appsv1.StatefulSet) workload {
	return workload{"StatefulSet", s.ObjectMeta, s.Spec.Replicas, s.Spec.Selector, s.Spec.Template, s.Spec.ServiceName}
}

func (w workload) String() string { return w.kind + " " + w.meta.Name }

// container is the one in which the role runs; a zero one if there is none or several.
func (w workload) container() corev1.Container {
	if len(w.template.Spec.Containers) != 1 {
		return corev1.Container{}
	}
	return w.template.Spec.Containers[0]
}

// role is the command that faasd is given.
func (w workload) role() string {
	if args := w.container().Args; len(args) > 0 {
		return args[0]
	}
	return ""
}

// env is the value of a variable, and whether the manifest sets it.
func (w workload) env(name string) (corev1.EnvVar, bool) {
	env := w.container().Env
	i := slices.IndexFunc(env, func(v corev1.EnvVar) bool { return v.Name == name })
	if i < 0 {
		return corev1.EnvVar{}, false
	}
	return env[i], true
}

// port is the number of the container's port of a name; 0 if it has none.
func (w workload) port(name string) int32 {
	for _, p := range w.container().Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

// count is how many pods there are at first.
func (w workload) count() int {
	if w.replicas == nil {
		return 1
	}
	return int(*w.replicas)
}

// selects says whether a selector takes the workload's pods.
func selects(selector *metav1.LabelSelector, w workload) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(w.template.Labels))
}

// selected are the workloads whose pods a Service is for.
func (c cluster) selected(s corev1.Service) (found []workload) {
	if len(s.Spec.Selector) == 0 {
		return nil
	}
	for _, w := range c.workloads {
		if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.template.Labels)) {
			found = append(found, w)
		}
	}
	return found
}

func (c cluster) service(name string) (corev1.Service, bool) {
	i := slices.IndexFunc(c.services, func(s corev1.Service) bool { return s.Name == name })
	if i < 0 {
		return corev1.Service{}, false
	}
	return c.services[i], true
}

func (c cluster) workload(name string) (workload, bool) {
	i := slices.IndexFunc(c.workloads, func(w workload) bool { return w.meta.Name == name })
	if i < 0 {
		return workload{}, false
	}
	return c.workloads[i], true
}

// problems is what is wrong, each as one line.
type problems []string

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}
