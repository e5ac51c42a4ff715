package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

type functions struct {
	deploying
	operands []string
	versions bool
	yes      bool
	json     bool

	verb    string // verbRollback, verbRemove or, to look, ""
	names   []string
	version uint32 // to go back to; 0 the one before
}

// What can be done to functions, by the first operand.
const (
	verbRollback = "rollback"
	verbRemove   = "rm"
)

func (c *functions) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "functions",
		Summary: "list the functions, show one with its versions, go back to a version, remove one",
		Description: "Without a name all functions are listed: those that were deployed, those that faasd's workers have built in, and those that other programs' workers serve. With a name, how that one is run, with the names of its variables but not their values. A function that no worker serves is shown as !NO WRK: requests for it wait for one, which must have its labels.\n\n" +
			"`rollback` has new requests go to an earlier version, the one before if none is named. `rm` removes functions: new requests are answered 404, those that were accepted still run. It is asked about first. Versions are kept for an hour: until then `rollback` takes the removal back, and a function that is deployed again counts on; `rollback` with a VERSION then brings back one from before.",
		Examples: []string{
			"faasctl functions", "faasctl functions hello --versions", "faasctl functions rollback hello", "faasctl functions rollback hello 3", "faasctl functions rm hello --yes",
		},
	})
	s.Operands(&c.operands, "[NAME | rollback NAME [VERSION] | rm NAME...]", 0, -1).Complete(c.first, c.further)
	s.Bool(&c.versions, "versions", false, "list the versions of the function that is named")
	s.Bool(&c.yes, "yes", false, "do not ask before anything is removed")
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declareDeploying(s)
	return s
}

// first and further complete operands: a function, or what is done and to which.
func (c *functions) first(ctx context.Context) []config.Candidate {
	return append(c.target.functions(ctx), config.Fixed(verbRollback, verbRemove)(ctx)...)
}

func (c *functions) further(ctx context.Context) []config.Candidate {
	if first := c.operands[0]; first == verbRemove || first == verbRollback && len(c.operands) == 1 {
		return c.target.functions(ctx)
	}
	return nil
}

func (c *functions) Validate() error {
	c.names = c.operands
	if len(c.names) > 0 && (c.names[0] == verbRollback || c.names[0] == verbRemove) {
		c.verb, c.names = c.names[0], c.names[1:]
	}
	switch {
	case c.verb == verbRemove && len(c.names) == 0:
		return config.Usagef("write the names of those to remove: faasctl functions rm NAME...")
	case c.verb == verbRollback && (len(c.names) == 0 || len(c.names) > 2):
		return config.Usagef("write which goes back: faasctl functions rollback NAME, and VERSION if it is not the one before")
	case c.verb == "" && len(c.names) > 1:
		return config.Usagef("unexpected argument %q: write one name, or rollback or rm before names", c.names[1])
	case c.versions && (c.verb != "" || len(c.names) == 0):
		return config.Usagef("--versions lists those of one function: write faasctl functions NAME --versions")
	}
	if c.verb == verbRollback && len(c.names) == 2 {
		n, err := strconv.ParseUint(c.names[1], 10, 32)
		if err != nil || n == 0 {
			return &config.ValueError{Source: "VERSION", Value: c.names[1], Err: errors.New("not the number of a version: write one from 1 on")}
		}
		c.names, c.version = c.names[:1], uint32(n)
	}
	for _, name := range c.names {
		if err := config.ValidName(name); err != nil {
			return &config.ValueError{Source: "NAME", Value: name, Err: err}
		}
	}
	return c.validateAdmin()
}

func (c *functions) Run(ctx context.Context, std config.Stdio) error {
	switch {
	case c.verb == verbRollback:
		return c.rollback(ctx, std)
	case c.verb == verbRemove:
		return c.remove(ctx, std)
	case len(c.names) == 1:
		return c.show(ctx, std, c.names[0])
	}
	return c.look(ctx, std, func(p operator.Picture) error {
		if c.json {
			return printJSON(std.Out, p.Functions)
		}
		t := newTable()
		addFunctions(t, p)
		return t.write(std.Out)
	})
}

func addFunctions(t *table, p operator.Picture) {
	t.row("FUNCTION", "STATE", "KIND", "VERSION", "WORKERS", "WAITING", "IN-FLIGHT", "OLDEST", "DONE", "FAILED")
	for _, f := range p.Functions {
		version := "-"
		if f.Version > 0 {
			version = fmt.Sprint(f.Version)
		}
		t.row(f.Name, word(f.State), kindOf(f, p.Workers), version, f.Workers, f.Waiting, f.Running, age(f.Oldest), f.Done, f.Failed)
	}
}

// kindOf is how a function is run: a deployed one by its kind, others by whose
// workers have it.
func kindOf(f operator.Function, workers []operator.Worker) string {
	kind := f.Kind
	for _, w := range workers {
		if f.Kind != "" || w.State == operator.StateLost || !slices.Contains(w.Functions, f.Name) {
			continue
		}
		if w.Kind == "native" {
			return "built in"
		}
		kind = "foreign"
	}
	return orDash(kind)
}

// show shows one function. What a registrar knows is only known of deployed ones.
func (c *functions) show(ctx context.Context, std config.Stdio, name string) error {
	to, err := c.find(ctx)
	if err != nil {
		return err
	}
	f, err := to.Function(ctx, name)
	if errors.Is(err, registry.ErrNoFunction) {
		return c.showOther(ctx, std, name, err)
	}
	if err != nil {
		return unreached(err)
	}
	if c.json {
		return printJSON(std.Out, withoutValues(f))
	}
	t := newTable()
	if c.versions {
		addVersions(t, f)
	} else {
		addFunction(t, f)
	}
	return t.write(std.Out)
}

// showOther shows a function that is not deployed, or says so with that error.
func (c *functions) showOther(ctx context.Context, std config.Stdio, name string, otherwise error) error {
	return c.look(ctx, std, func(p operator.Picture) error {
		i := slices.IndexFunc(p.Functions, func(f operator.Function) bool { return f.Name == name })
		switch {
		case i < 0:
			return otherwise
		case c.versions:
			return fmt.Errorf("%s was not deployed, and has no versions: its workers bring it (%s)", name, kindOf(p.Functions[i], p.Workers))
		case c.json:
			return printJSON(std.Out, p.Functions[i])
		}
		p.Functions = p.Functions[i : i+1]
		t := newTable()
		addFunctions(t, p)
		return t.write(std.Out)
	})
}

// notDeployed says why a function cannot be removed that no registrar knows.
func (c *functions) notDeployed(ctx context.Context, std config.Stdio, name string, otherwise error) error {
	err := c.look(ctx, std, func(p operator.Picture) error {
		for _, f := range p.Functions {
			if f.Name == name {
				return fmt.Errorf("%s was not deployed, and cannot be removed: its workers bring it (%s)", name, kindOf(f, p.Workers))
			}
		}
		return nil
	})
	return cmp.Or(err, otherwise)
}

func noFunction(name string) error {
	return fmt.Errorf("there is no function %s; faasctl functions lists those that are", name)
}

// variables are the names of a function's variables. Their values may be secrets,
// and are shown nowhere.
func variables(m *registry.Manifest) []string { return slices.Sorted(maps.Keys(m.Env)) }

// shown is a function for programs, with the names of its variables alone.
type shown struct {
	admin.Function
	Variables []string `json:"variables,omitempty"`
}

func withoutValues(f admin.Function) shown {
	s := shown{Function: f}
	if f.Manifest != nil {
		m := *f.Manifest
		s.Variables, m.Env, s.Manifest = variables(&m), nil, &m
	}
	return s
}

// addFunction shows how a function is run.
func addFunction(t *table, f admin.Function) {
	t.row("function", f.Name)
	v := f.Version(f.Current)
	if v == nil {
		t.row("version", "none has come up")
		addFailed(t, f)
		return
	}
	t.row("version", fmt.Sprintf("%d of %s, since %s", v.Number, operator.Plural(len(f.Versions), "version"), moment(v.Created)))
	if f.Workers == 0 {
		t.row("workers", "0: requests wait for one "+withLabels(v.Labels))
	} else {
		t.row("workers", f.Workers)
	}
	for _, b := range f.Broken {
		t.row("broken", fmt.Sprintf("at %s: %s", b.Worker, firstLine(b.Reason)))
	}
	if failed := addFailed(t, f); len(f.Broken) > 0 && !failed {
		t.row("printed", seeLogs(f.Name))
	}
	t.row("kind", v.Kind)
	t.row("package", v.Package[:12]+"…, "+size(v.Size))
	m := f.Manifest
	if m == nil {
		return
	}
	t.row("command", strings.Join(m.Command, " "))
	if m.Handler != "" {
		t.row("handler", m.Handler)
	}
	t.row("timeout", m.Deadline())
	t.row("memory", config.FormatBytes(m.Memory))
	t.row("concurrency", m.Concurrency)
	if len(m.Labels) > 0 {
		t.row("labels", strings.Join(m.Labels, ", "))
	}
	if m.ContentType != "" {
		t.row("content type", m.ContentType)
	}
	if names := variables(m); len(names) > 0 {
		t.row("variables", strings.Join(names, ", "))
	}
}

// addFailed shows why the newest version does not serve, if it is one that has
// failed, and reports whether it did.
func addFailed(t *table, f admin.Function) bool {
	if len(f.Versions) == 0 {
		return false
	}
	v := f.Versions[len(f.Versions)-1]
	if v.State != registry.StateFailed || v.Reason == registry.Cancelled {
		return false
	}
	t.row("failed", fmt.Sprintf("version %d, tried %s", v.Number, moment(v.Created)))
	t.row("why", strings.TrimSuffix(firstLine(v.Reason), "; "+admin.Remains(f.Name, f.Current)))
	t.row("printed", seeLogs(f.Name))
	return true
}

func seeLogs(name string) string { return "see faasctl logs " + name }

// addVersions lists versions, the newest first.
func addVersions(t *table, f admin.Function) {
	t.row("VERSION", "STATE", "KIND", "PACKAGE", "SIZE", "DEPLOYED", "WHY")
	for _, v := range slices.Backward(f.Versions) {
		state := string(v.State)
		switch {
		case v.Number == f.Current:
			state = "current"
		case v.Reason == registry.Cancelled:
			state = "cancelled"
		}
		t.row(v.Number, state, v.Kind, v.Package[:12], size(v.Size), moment(v.Created), firstLine(v.Reason))
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func moment(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

func (c *functions) rollback(ctx context.Context, std config.Stdio) error {
	to, err := c.find(ctx)
	if err != nil {
		return err
	}
	name := c.names[0]
	done := deployed{Name: name}
	began := time.Now()
	tell, told := progress(std, name)
	report, err := to.Rollback(ctx, name, c.version, tell)
	told()
	done.Took = milliseconds(time.Since(began))
	done, err = done.finish(std, report, err)
	switch {
	case c.json:
		return errors.Join(err, printJSON(std.Out, done))
	case err != nil:
		return err
	case report.Version == report.Previous:
		_, err = fmt.Fprintf(std.Out, "%s: version %d is current already: nothing to do\n", name, report.Version)
	default:
		instead := "its removal taken back"
		if report.Previous > 0 {
			instead = fmt.Sprintf("instead of %d", report.Previous)
		}
		_, err = fmt.Fprintf(std.Out, "%s version %d again, %s, served by %s\n", name, report.Version, instead, operator.Plural(report.Workers, "worker"))
	}
	return err
}

func (c *functions) remove(ctx context.Context, std config.Stdio) error {
	to, err := c.find(ctx)
	if err != nil {
		return err
	}
	for _, name := range c.names { // before anything is asked
		switch _, err := to.Function(ctx, name); {
		case errors.Is(err, registry.ErrNoFunction):
			return c.notDeployed(ctx, std, name, err)
		case err != nil:
			return unreached(err)
		}
	}
	if !c.yes {
		if err := confirm(ctx, std, "Remove "+strings.Join(c.names, ", ")+": new requests are answered 404 (for an hour, rollback takes it back)"); err != nil {
			return err
		}
	}
	var (
		done   []deployed
		failed []error
	)
	for _, name := range c.names {
		one, err := remove(ctx, std, to, name)
		done, failed = append(done, one), append(failed, err)
		if err == nil && !c.json {
			_, err = fmt.Fprintln(std.Out, removed(name))
			failed = append(failed, err)
		}
	}
	if c.json {
		failed = append(failed, printJSON(std.Out, done))
	}
	return errors.Join(failed...)
}

// removed says that a function was removed, and how to take that back.
func removed(name string) string {
	return fmt.Sprintf("%[1]s removed; for an hour, faasctl functions rollback %[1]s brings it back", name)
}
