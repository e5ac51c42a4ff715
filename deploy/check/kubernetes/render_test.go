package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// folder is where the manifests are, from here.
const folder = "../../kubernetes/"

// render is what `kubectl kustomize` prints for a folder.
func render(t *testing.T, path string) string {
	t.Helper()
	return kustomize(t, onDisk(t), path)
}

// with renders the base with components, as an overlay would that has nothing else.
func with(t *testing.T, components ...string) string {
	t.Helper()
	lines := "components:\n"
	for _, name := range components {
		lines += "  - ../../components/" + name + "\n"
	}
	return overlaid(t, lines)
}

// overlaid renders the base with an overlay of these lines.
func overlaid(t *testing.T, lines string) string {
	t.Helper()
	files := onDisk(t)
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\n" + lines
	if err := files.WriteFile("/overlays/test/kustomization.yaml", []byte(kustomization)); err != nil {
		t.Fatal(err)
	}
	return kustomize(t, files, "overlays/test")
}

// onDisk is the folder of the manifests, in memory: kustomize follows no path out of it.
func onDisk(t *testing.T) filesys.FileSystem {
	t.Helper()
	files, disk := filesys.MakeFsInMemory(), os.DirFS(folder)
	err := fs.WalkDir(disk, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(disk, path)
		if err != nil {
			return err
		}
		return files.WriteFile("/"+path, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func kustomize(t *testing.T, files filesys.FileSystem, path string) string {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/"+path)
	if err != nil {
		t.Fatalf("kustomize %s: %v", path, err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatalf("kustomize %s: %v", path, err)
	}
	return string(text)
}

// decode reads what was rendered as an API server with strict field validation does: fields that are not there, that
// are there twice, or whose names have another case are errors.
func decode(rendered string) (c cluster, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(rendered)))
	for {
		document, e := documents.Read()
		if errors.Is(e, io.EOF) {
			return c, err
		}
		if e == nil && len(bytes.TrimSpace(document)) > 0 {
			e = c.decodeOne(document)
		}
		if e != nil {
			err = errors.Join(err, e)
		}
	}
}

func (c *cluster) decodeOne(document []byte) error {
	var meta metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return err
	}
	what := meta.APIVersion + " " + meta.Kind
	if err := c.decodeAs(what, document); err != nil {
		return fmt.Errorf("%s %s: %w", what, meta.Name, err)
	}
	return nil
}

func (c *cluster) decodeAs(what string, document []byte) error {
	switch what {
	case "v1 Namespace":
		return one(document, &c.namespaces)
	case "v1 Service":
		return one(document, &c.services)
	case "v1 PersistentVolumeClaim":
		return one(document, &c.claims)
	case "apps/v1 Deployment":
		var d []appsv1.Deployment
		err := one(document, &d)
		if err == nil {
			c.workloads = append(c.workloads, ofDeployment(d[0]))
		}
		return err
	case "apps/v1 StatefulSet":
		var s []appsv1.StatefulSet
		err := one(document, &s)
		if err == nil {
			c.workloads = append(c.workloads, ofStatefulSet(s[0]))
		}
		return err
	case "networking.k8s.io/v1 NetworkPolicy":
		return one(document, &c.policies)
	case "policy/v1 PodDisruptionBudget":
		return one(document, &c.budgets)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return one(document, &c.scalers)
	case "monitoring.coreos.com/v1 PodMonitor":
		return one(document, &c.monitors)
	case "keda.sh/v1alpha1 ScaledObject":
		return one(document, &c.keda)
	}
	return errors.New("nothing here checks objects of this kind")
}

// one decodes a document and appends it to all.
func one[T any](document []byte, all *[]T) error {
	var object T
	if err := strictly(document, &object); err != nil {
		return err
	}
	*all = append(*all, object)
	return nil
}

func strictly(document []byte, object any) error {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	strict, err := json.UnmarshalStrict(text, object)
	return errors.Join(append(strict, err)...)
}
