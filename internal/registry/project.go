package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"faasd/internal/config"
)

// ProjectFile is the usual name of a file of several functions.
const ProjectFile = "faasd.yaml"

// MaxFunctions is how many functions a store has at most.
const MaxFunctions = 1000

const maxProject = 1 << 20 // bytes

// Project is what faasd.yaml says.
type Project struct {
	Functions []ProjectFunction // in the order of the file, at least one
	Prune     bool              // what is not in the file is to be removed
}

// ProjectFunction is one function of a project.
type ProjectFunction struct {
	Name string
	Spec
}

// ReadProject reads a project's file. Paths in it are relative to it.
func ReadProject(name string) (Project, error) {
	f, err := os.Open(name)
	if err != nil {
		return Project{}, fmt.Errorf("%w; name a %s that can be read", err, ProjectFile)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxProject+1))
	if err != nil {
		return Project{}, err
	}
	if len(text) > maxProject {
		return Project{}, fmt.Errorf("%s: larger than %s", name, config.FormatBytes(maxProject))
	}
	return ParseProject(name, text)
}

// ParseProject reads the text of a project's file of that name. What it does not
// know is an error, and all errors are told at once, each with its line.
func ParseProject(name string, text []byte) (Project, error) {
	var document yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&document)
	if err == io.EOF {
		return Project{}, fmt.Errorf("%s: it is empty: write functions, below it a name, and below that its path", name)
	}
	if err != nil {
		return Project{}, syntaxError(name, err)
	}
	r := projectReader{name: name}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		r.fail(&second, "a second document: write one file for each")
	} else if err != io.EOF {
		return Project{}, syntaxError(name, err)
	}
	p := r.project(document.Content[0])
	return p, errors.Join(r.errs...)
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)`)

func syntaxError(name string, err error) error {
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s:%s: not YAML: %s", name, m[1], m[2])
	}
	return fmt.Errorf("%s: not YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
}

// projectReader goes through the nodes of a file and collects what is wrong.
type projectReader struct {
	name string
	errs []error
}

func (r *projectReader) fail(n *yaml.Node, format string, args ...any) {
	const most = 20
	if len(r.errs) < most {
		r.errs = append(r.errs, fmt.Errorf("%s:%d: %w", r.name, n.Line, fmt.Errorf(format, args...)))
	}
}

func (r *projectReader) project(top *yaml.Node) (p Project) {
	functions := false
	for _, m := range r.members(top, "the file") {
		switch {
		case m.key == "functions":
			functions = true
			p.Functions = r.functions(m.value)
		case m.key == "prune":
			if err := m.value.Decode(&p.Prune); err != nil {
				r.fail(m.value, "prune: neither true nor false")
			}
		case strings.HasPrefix(m.key, "x-"): // for anchors, as in compose files
		default:
			r.fail(m.node, "unknown key %q: write functions or prune, or x-… for what only anchors use", m.key)
		}
	}
	if functions && len(p.Functions) == 0 || !functions && len(r.errs) == 0 {
		r.fail(top, "it has no functions: write functions, below it a name, and below that its path")
	}
	return p
}

func (r *projectReader) functions(n *yaml.Node) (all []ProjectFunction) {
	members := r.members(n, "functions")
	if len(members) > MaxFunctions {
		r.fail(n, "%d functions: %d at most", len(members), MaxFunctions)
		return nil
	}
	for _, m := range members {
		if err := config.ValidName(m.key); err != nil {
			r.fail(m.node, "function %.80q: %w", m.key, err)
		}
		all = append(all, ProjectFunction{m.key, r.spec(m)})
	}
	return all
}

var specKeys = []string{"path", "kind", "timeout", "memory", "concurrency", "env", "env_file", "labels", "command", "handler", "content_type"}

func (r *projectReader) spec(function member) (s Spec) {
	what := "function " + function.key
	for _, m := range r.members(function.value, what) {
		var err error
		switch m.key {
		case "path":
			s.Path = r.file(m)
		case "kind":
			kind := r.text(m)
			if s.Kind = Kind(kind); !slices.Contains(Kinds, kind) {
				err = fmt.Errorf("%.40q: write one of %s", kind, strings.Join(Kinds, ", "))
			}
		case "timeout":
			if s.Timeout, err = time.ParseDuration(r.text(m)); err != nil || s.Timeout < MinTimeout || s.Timeout > MaxTimeout {
				err = errors.New("write 1ms to 15m, with the unit, such as 30s")
			}
		case "memory":
			s.Memory, err = ParseMemory(r.text(m))
		case "concurrency":
			if s.Concurrency, err = strconv.Atoi(r.text(m)); err != nil || s.Concurrency < 1 || s.Concurrency > MaxConcurrency {
				err = fmt.Errorf("write 1 to %d", MaxConcurrency)
			}
		case "env":
			s.Env = r.env(m.value, what)
		case "env_file":
			s.EnvFile = r.file(m)
		case "labels":
			s.Labels = r.texts(m)
		case "command":
			if s.Command = strings.Fields(m.value.Value); m.value.Kind != yaml.ScalarNode {
				s.Command = r.texts(m)
			}
		case "handler":
			s.Handler = r.text(m)
		case "content_type":
			s.ContentType = r.text(m)
		default:
			r.fail(m.node, "unknown key %q of %s: write one of %s", m.key, what, strings.Join(specKeys, ", "))
		}
		if err != nil {
			r.fail(m.value, "%s: %w", m.key, err)
		}
	}
	if s.Path == "" {
		r.fail(function.node, "%s has no path: write the folder, file or zip to deploy", what)
	}
	return s
}

func (r *projectReader) env(n *yaml.Node, what string) map[string]string {
	env := make(map[string]string)
	for _, m := range r.members(n, "env of "+what) {
		if err := validVariable(m.key); err != nil {
			r.fail(m.node, "%w", err)
		}
		env[m.key] = r.text(m)
	}
	return env
}

// file is a path, which is relative to the project's file.
func (r *projectReader) file(m member) string {
	path := r.text(m)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.name), path)
}

// text is a value as it is written: 8080 and yes too.
func (r *projectReader) text(m member) string {
	if m.value.Kind != yaml.ScalarNode {
		r.fail(m.value, "%s: write a single text", m.key)
	} else if m.value.Tag == "!!null" {
		r.fail(m.value, `%s has no value: write one, "" for an empty one`, m.key)
	}
	return m.value.Value
}

func (r *projectReader) texts(m member) (all []string) {
	if m.value.Kind != yaml.SequenceNode {
		r.fail(m.value, "%s: write a list, such as [a, b]", m.key)
		return nil
	}
	for _, n := range m.value.Content {
		all = append(all, r.text(member{m.key, n, resolve(n)}))
	}
	return all
}

// member is one key of a mapping and what it stands for.
type member struct {
	key   string
	node  *yaml.Node // of the key
	value *yaml.Node
}

// members are those of a mapping in the order of the file, each key once. What
// is merged in by << comes last and yields to what is there.
func (r *projectReader) members(n *yaml.Node, what string) (all []member) {
	seen := make(map[string]bool)
	const deepest = 8 // merges inside of merges; an anchor may hold itself
	var add func(n *yaml.Node, depth int)
	add = func(n *yaml.Node, depth int) {
		n = resolve(n)
		if n.Kind == yaml.SequenceNode && depth > 0 && depth < deepest {
			for _, each := range n.Content {
				add(each, depth+1)
			}
			return
		}
		if n.Kind != yaml.MappingNode || depth == deepest {
			r.fail(n, "%s: write keys with values, one a line", what)
			return
		}
		var merged []*yaml.Node
		own := make(map[string]bool)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch {
			case key.Tag == "!!merge":
				merged = append(merged, value)
				continue
			case key.Kind != yaml.ScalarNode:
				r.fail(key, "%s: a key that is no text", what)
				continue
			case own[key.Value]:
				r.fail(key, "%s has %q twice", what, key.Value)
			}
			own[key.Value] = true
			if !seen[key.Value] {
				seen[key.Value] = true
				all = append(all, member{key.Value, key, resolve(value)})
			}
		}
		for _, m := range merged {
			add(m, depth+1)
		}
	}
	add(n, 0)
	return all
}

// resolve is what an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}
