package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// pickOne finds the one of a list that a word means: by one of its keys, or the
// beginning of one that no other has. The error lists the candidates.
func pickOne[T any](list []T, what, word string, keys func(T) []string) (T, error) {
	var exact, begin []T
	for _, t := range list {
		switch k := keys(t); {
		case slices.Contains(k, word):
			exact = append(exact, t)
		case word != "" && slices.ContainsFunc(k, func(key string) bool { return strings.HasPrefix(key, word) }):
			begin = append(begin, t)
		}
	}
	if len(exact) == 0 {
		exact = begin
	}
	if len(exact) == 1 {
		return exact[0], nil
	}
	var none T
	if len(exact) > 1 {
		return none, fmt.Errorf("%q is ambiguous: %s; write more of the name, or what stands in brackets", word, named(exact, keys))
	}
	return none, fmt.Errorf("no %s %q; there are: %s", what, word, cmp.Or(named(list, keys), "none"))
}

// maxNamed bounds how many candidates an error names.
const maxNamed = 20

func named[T any](list []T, keys func(T) []string) string {
	var names []string
	for _, t := range list[:min(len(list), maxNamed)] {
		k := keys(t)
		names = append(names, config.Printable(fmt.Sprintf("%s (%s)", k[0], k[len(k)-1])))
	}
	if more := len(list) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// pickWorkers finds the workers that the words mean.
func pickWorkers(p operator.Picture, words []string) ([]operator.Worker, error) {
	present := slices.DeleteFunc(slices.Clone(p.Workers), func(w operator.Worker) bool { return w.State == operator.StateLost })
	var picked []operator.Worker
	for _, word := range words {
		w, err := pickOne(present, "worker", word, func(w operator.Worker) []string {
			return []string{w.Name, w.ID, w.Name + "@" + w.Queue, w.ID + "@" + w.Queue}
		})
		if err != nil {
			for _, l := range p.Workers {
				if l.State == operator.StateLost && l.Name == word {
					err = fmt.Errorf("worker %q is lost already (%s)", word, config.Printable(l.Reason))
				}
			}
			return nil, err
		}
		if !slices.ContainsFunc(picked, w.Same) {
			picked = append(picked, w)
		}
	}
	return picked, nil
}

// why says, in a question, what is special about taking these workers away; ""
// if nothing is.
func why(p operator.Picture, verb string, picked []operator.Worker) string {
	left := 0
	for _, w := range p.Workers {
		if w.State == "up" {
			left++
		}
	}
	for _, w := range picked {
		if w.State == "up" {
			left--
		}
	}
	names := make([]string, len(picked))
	running := 0
	for i, w := range picked {
		names[i] = w.Name
		running += w.Running
	}
	switch {
	case left <= 0:
		return fmt.Sprintf("%s %s (running %s): no worker is left in the whole system", verb, strings.Join(names, ", "), operator.Plural(running, "job"))
	case len(picked) > 1:
		return fmt.Sprintf("%s %s: %s (running %s); left: %d", verb, operator.Plural(len(picked), "worker"), strings.Join(names, ", "), operator.Plural(running, "job"), left)
	}
	return ""
}
