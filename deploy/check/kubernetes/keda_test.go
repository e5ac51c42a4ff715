package kubernetes

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/kedacore/keda/v2/version" // so that go.mod names the release whose definitions are read
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"
)

// scaledObject is what is looked at of a ScaledObject. Whether all of it is one is asked of KEDA's own definition
// (judgeScaledObject), since KEDA's types bring half of Kubernetes' clients along.
type scaledObject struct {
	name string
	text []byte // JSON

	target   struct{ kind, name string }
	least    int
	triggers []trigger
}

type trigger struct {
	Type       string            `json:"type"`
	MetricType string            `json:"metricType"`
	Metadata   map[string]string `json:"metadata"`
}

func (s *scaledObject) UnmarshalJSON(text []byte) error {
	var object struct {
		Metadata struct{ Name string }
		Spec     struct {
			ScaleTargetRef  struct{ Kind, Name string }
			MinReplicaCount int
			Triggers        []trigger
		}
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	s.name, s.text, s.triggers, s.least = object.Metadata.Name, append([]byte(nil), text...), object.Spec.Triggers, object.Spec.MinReplicaCount
	s.target.kind, s.target.name = object.Spec.ScaleTargetRef.Kind, object.Spec.ScaleTargetRef.Name
	return nil
}

func (s scaledObject) check(c cluster, r roles) (p problems) {
	p = c.checkTarget("ScaledObject "+s.name, s.target.kind, s.target.name)
	for _, t := range s.triggers {
		if t.Type != "prometheus" {
			p.add("ScaledObject %s: trigger %s is not looked at here", s.name, t.Type)
			continue
		}
		for key := range t.Metadata { // those of KEDA's Prometheus scaler that this needs
			if key != "serverAddress" && key != "query" && key != "threshold" {
				p.add("ScaledObject %s: %s is not looked at here", s.name, key)
			}
		}
		threshold, err := strconv.ParseFloat(t.Metadata["threshold"], 64)
		if err != nil || t.Metadata["serverAddress"] == "" || t.MetricType != "AverageValue" {
			p.add("ScaledObject %s: its trigger is not complete", s.name)
		}
		p = append(p, c.checkJobs("ScaledObject "+s.name, threshold, r)...)
	}
	return p
}

// judge holds a ScaledObject against the definition that KEDA has an API server check it by. Fields that are not in it
// are errors too.
func (s scaledObject) judge(definition *spec.Schema) error {
	var object any
	if err := json.Unmarshal(s.text, &object); err != nil {
		return err
	}
	result := validate.NewSchemaValidator(definition, nil, "", strfmt.Default).Validate(object)
	return errors.Join(result.Errors...)
}

// kedaDefinition reads the schema of ScaledObjects from KEDA's module.
func kedaDefinition(t *testing.T) *spec.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2").Output()
	if err != nil {
		t.Fatalf("find KEDA's module: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config/crd/bases/keda.sh_scaledobjects.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema spec.Schema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	for i, v := range definition.Spec.Versions {
		if v.Name == "v1alpha1" {
			schema := &definition.Spec.Versions[i].Schema.OpenAPIV3Schema
			nothingElse(schema) // but in "metadata", which has no properties here: every object has the same
			return schema
		}
	}
	t.Fatal("KEDA defines no ScaledObject of v1alpha1")
	return nil
}

// nothingElse has a schema refuse fields that it does not name.
func nothingElse(s *spec.Schema) {
	if len(s.Properties) > 0 && s.AdditionalProperties == nil {
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: false}
	}
	for name, property := range s.Properties {
		nothingElse(&property)
		s.Properties[name] = property
	}
	if s.Items != nil && s.Items.Schema != nil {
		nothingElse(s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		nothingElse(s.AdditionalProperties.Schema)
	}
}
