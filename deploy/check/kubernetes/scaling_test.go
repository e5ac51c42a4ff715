package kubernetes

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
)

// checkBudgets wants a PodDisruptionBudget for every workload of several pods, which lets one go.
func checkBudgets(c cluster, _ roles) (p problems) {
	for _, w := range c.workloads {
		several := w.count() > 1 || w.replicas == nil
		has := slices.ContainsFunc(c.budgets, func(b policyv1.PodDisruptionBudget) bool { return selects(b.Spec.Selector, w) })
		if several && !has {
			p.add("%s has no PodDisruptionBudget", w)
		}
	}
	for _, b := range c.budgets {
		n := 0
		for _, w := range c.workloads {
			if selects(b.Spec.Selector, w) {
				n++
			}
		}
		if n != 1 {
			p.add("PodDisruptionBudget %s is for the pods of %d workloads, want one", b.Name, n)
		}
		if b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.String() == "0" {
			p.add("PodDisruptionBudget %s lets no machine be emptied", b.Name)
		}
	}
	return p
}

// checkScalers wants what scales workers to find them, to have the replicas for itself, and to scale by what is there.
func checkScalers(c cluster, r roles) (p problems) {
	for _, h := range c.scalers {
		p = append(p, c.checkTarget("HorizontalPodAutoscaler "+h.Name, h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name)...)
		if h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < 1 || *h.Spec.MinReplicas >= h.Spec.MaxReplicas {
			p.add("HorizontalPodAutoscaler %s: between how many?", h.Name)
		}
		for _, m := range h.Spec.Metrics {
			if m.Type != autoscalingv2.ExternalMetricSourceType || m.External == nil {
				p.add("HorizontalPodAutoscaler %s scales by something else than an external metric", h.Name)
				continue
			}
			p = append(p, c.checkJobs(h.Name, m.External.Target.AverageValue.AsApproximateFloat64(), r)...)
		}
	}
	for _, s := range c.keda {
		p = append(p, s.check(c, r)...)
	}
	if len(c.scalers) > 0 && len(c.keda) > 0 {
		p.add("two autoscalers for the same workers")
	}
	return p
}

func (c cluster) checkTarget(who, kind, name string) (p problems) {
	w, ok := c.workload(name)
	if !ok || w.kind != kind {
		p.add("%s scales the %s %s, which is not there", who, kind, name)
		return p
	}
	if w.replicas != nil {
		p.add("%s: %s says itself how many pods it has", who, w)
	}
	if w.role() != "worker" {
		p.add("%s scales %s, and what it scales by is work for workers", who, w)
	}
	return p
}

// checkJobs wants fewer jobs for a worker than it has slots: else none would ever be added.
func (c cluster) checkJobs(who string, jobs float64, r roles) (p problems) {
	w, _ := c.workload("worker")
	slots, err := strconv.ParseFloat(r.value(w, "FAASD_SLOTS"), 64)
	if err != nil || jobs <= 0 || jobs >= slots {
		p.add("%s wants %g jobs for each worker, which has %s slots", who, jobs, r.value(w, "FAASD_SLOTS"))
	}
	return p
}

// adapterRules is what the Prometheus adapter's configuration may have, as its documentation says (docs/config.md of
// kubernetes-sigs/prometheus-adapter): its own types are not to be had as a module.
type adapterRules struct {
	ExternalRules []struct {
		SeriesQuery   string `json:"seriesQuery"`
		SeriesFilters []struct {
			Is    string `json:"is"`
			IsNot string `json:"isNot"`
		} `json:"seriesFilters"`
		Resources struct {
			Template  string `json:"template"`
			Overrides map[string]struct {
				Group    string `json:"group"`
				Resource string `json:"resource"`
			} `json:"overrides"`
			Namespaced *bool `json:"namespaced"`
		} `json:"resources"`
		Name struct {
			Matches string `json:"matches"`
			As      string `json:"as"`
		} `json:"name"`
		MetricsQuery string `json:"metricsQuery"`
	} `json:"externalRules"`
}

const adapterFile = folder + "components/autoscaling/prometheus-adapter.yaml"

func readAdapter() (rules adapterRules, err error) {
	text, err := os.ReadFile(adapterFile)
	if err == nil {
		err = strictly(text, &rules)
	}
	return rules, err
}

// seriesName is a metric of faasd's in a query.
var seriesName = regexp.MustCompile(`\bfaasd_[a-z_]+\b`)

// seriesOf are the metrics that a query reads, each once.
func seriesOf(queries ...string) []string {
	found := seriesName.FindAllString(strings.Join(queries, " "), -1)
	slices.Sort(found)
	return slices.Compact(found)
}
