package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// project is what a file wants, compared with what there is.
type project struct {
	functions map[string]*packed
	steps     []registry.Step
}

// close throws the packages away.
func (p *project) close() {
	for _, f := range p.functions {
		_ = f.Close() // of a temporary file that has no name
	}
}

// runProject deploys all that the file names.
func (c *deploy) runProject(ctx context.Context, std config.Stdio) error {
	file, err := registry.ReadProject(c.file)
	if err != nil {
		return err
	}
	to, err := c.find(ctx)
	if err != nil {
		return err
	}
	p := project{functions: make(map[string]*packed)}
	defer p.close()
	if err := p.plan(ctx, to, file, c.prune || file.Prune); err != nil {
		return err
	}
	if !c.json {
		if err := p.print(std.Out); err != nil {
			return err
		}
	}
	if c.dryRun {
		if c.json {
			return printJSON(std.Out, p.steps)
		}
		return nil
	}
	if leave := p.leaving(); len(leave) > 0 && !c.yes {
		question := fmt.Sprintf("Remove %s, which %s not in %s", strings.Join(leave, ", "), isAre(len(leave)), c.file)
		if err := confirm(ctx, std, question); err != nil {
			return err
		}
	}
	return c.carryOut(ctx, std, to, &p)
}

// plan packs what is wanted and compares it with what is deployed.
func (p *project) plan(ctx context.Context, to listener, file registry.Project, prune bool) error {
	wanted, current := make(map[string]registry.Manifest), make(map[string]registry.Manifest)
	var wrong []error
	for _, f := range file.Functions {
		made, err := pack(f.Name, f.Spec)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", f.Name, err))
			continue
		}
		p.functions[f.Name], wanted[f.Name] = made, made.manifest
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	all, err := to.Functions(ctx)
	if err != nil {
		return unreached(err)
	}
	for _, f := range all {
		switch _, needed := wanted[f.Name]; {
		case needed && f.Serves():
			one, err := to.Function(ctx, f.Name)
			switch {
			case errors.Is(err, registry.ErrNoFunction): // it was removed a moment ago
			case err != nil:
				return err
			case one.Manifest != nil:
				current[f.Name] = *one.Manifest
			}
		case !needed:
			current[f.Name] = registry.Manifest{}
		}
	}
	p.steps = registry.Plan(wanted, current, prune)
	return nil
}

// print shows the plan.
func (p *project) print(out io.Writer) error {
	t := newTable()
	for _, s := range p.steps {
		what := ""
		if f := p.functions[s.Name]; f != nil && s.Action == registry.Create {
			what = fmt.Sprintf("kind %s (%s), runs %s, %s", f.manifest.Kind, f.why, strings.Join(f.manifest.Command, " "), size(f.Size))
		} else if len(s.Differs) > 0 {
			what = strings.Join(s.Differs, ", ")
		}
		t.row(s.Action, s.Name, what)
	}
	return t.write(out)
}

// leaving are the functions that are to be removed.
func (p *project) leaving() (names []string) {
	for _, s := range p.steps {
		if s.Action == registry.Delete {
			names = append(names, s.Name)
		}
	}
	return names
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// step is what came of a step, for programs.
type step struct {
	registry.Step
	Result *deployed `json:"result,omitempty"`
}

// carryOut does the steps one after the other. One that fails does not keep the
// others from being done.
func (c *deploy) carryOut(ctx context.Context, std config.Stdio, to listener, p *project) error {
	var (
		done   []step
		failed []error
		begun  int
	)
	for _, s := range p.steps {
		if s.Action == registry.Unchanged {
			done = append(done, step{Step: s})
			continue
		}
		begun++
		one, err := p.do(ctx, std, to, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done = append(done, step{s, &one})
		switch {
		case err != nil:
			failed = append(failed, err)
			fmt.Fprintf(std.Err, "%s: %s\n", config.Printable(s.Name), config.Printable(err.Error()))
		case c.json:
		case s.Action == registry.Delete:
			fmt.Fprintln(std.Out, config.Printable(removed(s.Name)))
		default:
			fmt.Fprintln(std.Out, config.Printable(one.line()))
		}
	}
	switch {
	case c.json:
		if err := printJSON(std.Out, done); err != nil {
			return err
		}
	case begun == 0:
		fmt.Fprintln(std.Out, "nothing to do")
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %s failed; the others, if any, are done", len(failed), operator.Plural(begun, "change"))
	}
	return nil
}

// do does one step that changes something.
func (p *project) do(ctx context.Context, std config.Stdio, to listener, s registry.Step) (deployed, error) {
	if s.Action != registry.Delete {
		return p.functions[s.Name].deploy(ctx, std, to)
	}
	return remove(ctx, std, to, s.Name)
}

// remove removes a function.
func remove(ctx context.Context, std config.Stdio, to listener, name string) (deployed, error) {
	done := deployed{Name: name}
	began := time.Now()
	tell, told := progress(std, name)
	report, err := to.Remove(ctx, name, tell)
	told()
	done.Took = milliseconds(time.Since(began))
	return done.finish(std, report, err)
}

// finish notes what came of a change.
func (d deployed) finish(std config.Stdio, r admin.Report, err error) (deployed, error) {
	if err != nil {
		d.Error = err.Error()
		return d, unreached(err)
	}
	d.Report = &r
	late(std, r)
	return d, nil
}
