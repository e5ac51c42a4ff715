package kubernetes

import (
	"slices"
	"strings"
	"testing"
)

// checks are all that a cluster is held against.
var checks = []func(cluster, roles) problems{
	checkSettings, checkPorts, checkServices, checkDialled, checkNetwork, checkPods, checkSecurity, checkProbes, checkGrace,
	checkBudgets, checkScalers,
}

// judge decodes what was rendered, and says what is wrong with it.
func judge(rendered string, r roles) (cluster, problems) {
	c, err := decode(rendered)
	if err != nil {
		return c, strings.Split(err.Error(), "\n")
	}
	var p problems
	if len(c.workloads) == 0 {
		p.add("there are no pods")
	}
	for _, check := range checks {
		p = append(p, check(c, r)...)
	}
	slices.Sort(p)
	return c, slices.Compact(p)
}

// variants are what users make of the manifests.
func variants(t *testing.T) map[string]string {
	return map[string]string{
		"base":                        render(t, "base"),
		"example":                     render(t, "overlays/example"),
		"with a shared store":         with(t, "shared-store"),
		"with monitoring":             with(t, "monitoring"),
		"scaled by Kubernetes itself": with(t, "monitoring", "autoscaling"),
		"scaled by KEDA":              with(t, "monitoring", "keda"),
	}
}

func TestManifestsAreWhatKubernetesAndFaasdTake(t *testing.T) {
	r := askRoles(t)
	for name, rendered := range variants(t) {
		t.Run(name, func(t *testing.T) {
			_, wrong := judge(rendered, r)
			for _, line := range wrong {
				t.Error(line)
			}
		})
	}
}

func TestTheExampleNamesAnImageOfAVersion(t *testing.T) {
	c, err := decode(render(t, "overlays/example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range c.workloads {
		if image := w.container().Image; image != "registry.example.org/faasd:1.0" {
			t.Errorf("%s runs %s", w, image)
		}
	}
}

// Two systems side by side are two namespaces; the namespace's own object must go with it.
func TestAnOverlayCanHaveAnotherNamespace(t *testing.T) {
	c, err := decode(overlaid(t, "namespace: second\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.namespaces {
		if n.Name != "second" {
			t.Errorf("the namespace is %s", n.Name)
		}
	}
	for _, w := range c.workloads {
		if w.meta.Namespace != "second" {
			t.Errorf("%s is in the namespace %q", w, w.meta.Namespace)
		}
	}
}

func TestTheAutoscalerAsksForWhatTheAdapterMakes(t *testing.T) {
	rules, err := readAdapter()
	if err != nil {
		t.Fatal(err)
	}
	made := make(map[string]bool)
	for _, rule := range rules.ExternalRules {
		made[rule.Name.As] = true
		if !strings.Contains(rule.SeriesQuery, `namespace!=""`) || rule.Resources.Overrides["namespace"].Resource != "namespace" {
			t.Errorf("rule %s: metrics of other namespaces are not told apart", rule.Name.As)
		}
		for _, name := range seriesOf(rule.MetricsQuery) {
			if !strings.Contains(rule.MetricsQuery, name+"{<<.LabelMatchers>>}") {
				t.Errorf("rule %s reads %s of all namespaces", rule.Name.As, name)
			}
		}
	}
	c, err := decode(with(t, "autoscaling"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.scalers) == 0 {
		t.Error("nothing scales")
	}
	for _, h := range c.scalers {
		for _, m := range h.Spec.Metrics {
			if !made[m.External.Metric.Name] {
				t.Errorf("HorizontalPodAutoscaler %s asks for %s, which no rule of %s makes", h.Name, m.External.Metric.Name, adapterFile)
			}
		}
	}
}

func TestTheScaledObjectIsWhatKEDADefines(t *testing.T) {
	definition := kedaDefinition(t)
	rendered := with(t, "keda")
	objects := func(rendered string) []scaledObject {
		c, err := decode(rendered)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.keda) != 1 {
			t.Fatalf("%d ScaledObjects, want one", len(c.keda))
		}
		return c.keda
	}
	if err := objects(rendered)[0].judge(definition); err != nil {
		t.Error(err)
	}
	for _, m := range []mutant{
		{"a field that is not there", "pollingInterval: 10", "poolingInterval: 10", "poolingInterval"},
		{"a field deep inside that is not there", "failureThreshold: 3\n    replicas: 6", "failureThreshold: 3\n    replica: 6", "replica"},
		{"a number that is text", "minReplicaCount: 3", `minReplicaCount: "3x"`, "MinReplicaCount"},
		{"nothing to scale by", "\n  triggers:", "\n  ignored:", "triggers"},
	} {
		broken := strings.Replace(rendered, m.old, m.new, 1)
		if broken == rendered {
			t.Errorf("%s: there is no %q any more", m.name, m.old)
			continue
		}
		c, err := decode(broken)
		if err == nil {
			err = c.keda[0].judge(definition)
		}
		if err == nil || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: %v, want something about %s", m.name, err, m.want)
		}
	}
}
