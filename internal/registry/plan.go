package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"faasd/internal/config"
)

// Action is what a plan does with a function.
type Action string

// The actions of a plan.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	Delete    Action = "remove"
)

// Step is what a plan does with one function.
type Step struct {
	Name    string   `json:"name"`
	Action  Action   `json:"action"`
	Differs []string `json:"differs,omitempty"` // of an update, for people: "timeout 3s → 30s"
}

// Plan compares what is wanted with the current versions that there are, both by
// the functions' names. Only with prune is anything removed. Steps are in the
// order of the names, removals last.
func Plan(wanted, current map[string]Manifest, prune bool) (steps []Step) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		old, there := current[name]
		switch {
		case !there:
			steps = append(steps, Step{Name: name, Action: Create})
		case old.Digest() == wanted[name].Digest():
			steps = append(steps, Step{Name: name, Action: Unchanged})
		default:
			steps = append(steps, Step{Name: name, Action: Update, Differs: Differs(old, wanted[name])})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(current)) {
		if _, stays := wanted[name]; prune && !stays {
			steps = append(steps, Step{Name: name, Action: Delete})
		}
	}
	return steps
}

// Differs says in words what two manifests do not have in common, without the
// values of variables, which may be secrets.
func Differs(old, wanted Manifest) (all []string) {
	note := func(what, before, after string) {
		if before != after {
			all = append(all, fmt.Sprintf("%s %s → %s", what, orNone(before), orNone(after)))
		}
	}
	if old.Package != wanted.Package {
		all = append(all, "package")
	}
	note("kind", string(old.Kind), string(wanted.Kind))
	note("command", strings.Join(old.Command, " "), strings.Join(wanted.Command, " "))
	note("handler", old.Handler, wanted.Handler)
	note("timeout", old.Deadline().String(), wanted.Deadline().String())
	note("memory", config.FormatBytes(old.Memory), config.FormatBytes(wanted.Memory))
	note("concurrency", fmt.Sprint(old.Concurrency), fmt.Sprint(wanted.Concurrency))
	note("labels", strings.Join(inOrder(old.Labels), ","), strings.Join(inOrder(wanted.Labels), ","))
	note("content type", old.ContentType, wanted.ContentType)
	return append(all, differentEnv(old.Env, wanted.Env)...)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func differentEnv(old, wanted map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if before, there := old[name]; !there {
			all = append(all, "variable "+name+" added")
		} else if before != wanted[name] {
			all = append(all, "variable "+name+" changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, there := wanted[name]; !there {
			all = append(all, "variable "+name+" removed")
		}
	}
	return all
}
