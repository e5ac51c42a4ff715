package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

type deploy struct {
	deploying
	operands []string
	file     string
	prune    bool
	dryRun   bool
	yes      bool
	json     bool

	spec    registry.Spec
	kind    string
	memory  string
	env     []string
	command string

	onlyFile, onlyOne []*config.Setting // what makes sense with a file, and without
}

func (c *deploy) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "deploy",
		Summary: "deploy a function, or all that a file names; it serves without a restart",
		Description: "PATH is a folder, a file or a zip. How it is run is guessed from what is there, and said: a program named bootstrap speaks the AWS Lambda Runtime API, a .wasm is a WebAssembly module, any other program or script is run once for each request. All of the folder is packed but .git.\n\n" +
			"It returns when every frontend and worker goes by the new version, or says which do not. A version that does not start is refused, with what it printed; the one before stays.\n\n" +
			"With --file, several functions are deployed as the file says: the plan is shown, then carried out; what is deployed like that already is left alone.",
		Examples: []string{
			"faasctl deploy hello ./hello", "faasctl deploy resize ./bootstrap --timeout 10s --memory 512MB --env LEVEL=debug",
			"faasctl deploy report ./report --command ./run.py --env-file report.env", "faasctl deploy --file faasd.yaml", "faasctl deploy -f faasd.yaml --prune --dry-run",
		},
	})
	operands := s.Operands(&c.operands, "NAME PATH", 0, 2)
	operands.Complete(c.functions)
	operands.CompleteFiles(1)
	c.onlyOne = []*config.Setting{
		s.Enum(&c.kind, "kind", "", registry.Kinds, "how it is run").DefaultText("guessed"),
		s.Duration(&c.spec.Timeout, "timeout", registry.DefaultTimeout, registry.MinTimeout, registry.MaxTimeout, "of one call"),
		s.String(&c.memory, "memory", config.FormatBytes(registry.DefaultMemory), "SIZE", "of one process or module: 256MB, 1GB"),
		s.Int(&c.spec.Concurrency, "concurrency", registry.DefaultConcurrency, 1, registry.MaxConcurrency, "calls that one process takes at a time; only of the kind lambda more than 1"),
		s.Texts(&c.env, "env", "NAME=VALUE", "a variable for it; one flag each"),
		s.String(&c.spec.EnvFile, "env-file", "", "FILE", "variables for it, one NAME=VALUE a line").CompleteFiles(""),
		s.Strings(&c.spec.Labels, "label", nil, "LABEL[,…]", "run it only on workers that have these"),
		s.String(&c.command, "command", "", "WORDS", "what to run, if that is not to be guessed; words are separated by spaces"),
		s.String(&c.spec.Handler, "handler", "", "NAME", "_HANDLER, for the kind lambda"),
		s.String(&c.spec.ContentType, "content-type", "", "TYPE", "of answers that do not say their own").DefaultText("looked for in the answer"),
	}
	s.Group("Several functions")
	s.String(&c.file, "file", "", "FILE", "what to deploy: "+registry.ProjectFile).Short("f").CompleteFiles("")
	c.onlyFile = []*config.Setting{
		s.Bool(&c.prune, "prune", false, "remove what is deployed and not in the file, as its own prune: true does; asked about first"),
		s.Bool(&c.dryRun, "dry-run", false, "show the plan and stop"),
		s.Bool(&c.yes, "yes", false, "do not ask before anything is removed"),
	}
	s.Group("Output")
	s.Bool(&c.json, "json", false, "print JSON for programs, when all is over")
	c.declareDeploying(s)
	return s
}

func (c *deploy) Validate() error {
	wrong := func(settings []*config.Setting) string {
		i := slices.IndexFunc(settings, (*config.Setting).Given)
		if i < 0 {
			return ""
		}
		return settings[i].Flag()
	}
	switch {
	case c.file != "" && len(c.operands) > 0:
		return config.Usagef("write NAME and PATH, or --file; %q and %s are both", c.operands[0], c.file)
	case c.file == "" && len(c.operands) != 2:
		return config.Usagef("write what to deploy: faasctl deploy NAME PATH, or faasctl deploy --file %s", registry.ProjectFile)
	case c.file != "" && wrong(c.onlyOne) != "":
		return config.Usagef("%s is for a single function; with --file, the file says it", wrong(c.onlyOne))
	case c.file == "" && wrong(c.onlyFile) != "":
		return config.Usagef("%s is for --file", wrong(c.onlyFile))
	}
	if c.file == "" {
		if err := c.validateSpec(); err != nil {
			return err
		}
	}
	return c.validateAdmin()
}

// validateSpec reads what is said of a single function.
func (c *deploy) validateSpec() (err error) {
	if err := config.ValidName(c.operands[0]); err != nil {
		return &config.ValueError{Source: "NAME", Value: c.operands[0], Err: err}
	}
	c.spec.Path, c.spec.Kind = c.operands[1], registry.Kind(c.kind)
	c.spec.Command = strings.Fields(c.command)
	if c.spec.Memory, err = parseMemory(c.memory); err != nil {
		return &config.ValueError{Source: "--memory", Value: c.memory, Err: err}
	}
	if len(c.env) > 0 {
		c.spec.Env = make(map[string]string, len(c.env))
	}
	for _, pair := range c.env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return &config.ValueError{Source: "--env", Value: pair, Err: errors.New("not NAME=VALUE")}
		}
		c.spec.Env[name] = value
	}
	return nil
}

// parseMemory reads an amount of memory within the bounds of a function.
func parseMemory(text string) (int64, error) {
	n, err := registry.ParseMemory(text)
	if err == nil && (n < registry.MinMemory || n > registry.MaxMemory) {
		err = fmt.Errorf("out of range: write %s to %s", config.FormatBytes(registry.MinMemory), config.FormatBytes(registry.MaxMemory))
	}
	return n, err
}

func (c *deploy) Run(ctx context.Context, std config.Stdio) error {
	if c.file != "" {
		return c.runProject(ctx, std)
	}
	p, err := pack(c.operands[0], c.spec)
	if err != nil {
		return err
	}
	defer p.Close()
	if program, ok := p.manifest.File(); ok {
		if remark := stale(c.spec.Path, program); remark != "" {
			fmt.Fprintf(std.Err, "faasctl deploy: warning: %s\n", config.Printable(remark))
		}
	}
	to, err := c.find(ctx)
	if err != nil {
		return err
	}
	change, err := c.compare(ctx, p, to)
	if err != nil {
		if c.json {
			err = errors.Join(err, printJSON(std.Out, deployed{Name: p.name, Error: err.Error()}))
		}
		return err
	}
	if !c.json {
		p.describe(std.Out)
		change.describe(std.Out, p.name)
	}
	done, err := p.deploy(ctx, std, to)
	done.Differs = change.differs
	switch {
	case c.json:
		err = errors.Join(err, printJSON(std.Out, done))
	case err == nil:
		fmt.Fprintln(std.Out, config.Printable(done.line()))
	}
	return err
}

// packed is a function that is ready to be deployed.
type packed struct {
	*registry.Package
	name     string
	manifest registry.Manifest
	why      string // it is of its kind
}

// pack packs a function. Close ends it.
func pack(name string, spec registry.Spec) (*packed, error) {
	p, err := registry.Pack(spec.Path)
	if err != nil {
		return nil, err
	}
	m, why, err := spec.Manifest(p)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", spec.Path, err), p.Close())
	}
	return &packed{p, name, m, why}, nil
}

// describe says how it is run, and why.
func (p *packed) describe(out io.Writer) {
	line := fmt.Sprintf("%s: kind %s (%s), runs %s, %s", p.name, p.manifest.Kind, p.why, strings.Join(p.manifest.Command, " "), size(p.Size))
	if len(p.Left) > 0 {
		line += "; left out: " + strings.Join(p.Left, ", ")
	}
	fmt.Fprintln(out, config.Printable(line))
}

// size shows an amount of bytes, rounded.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return operator.Plural(int(n), "byte")
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// deployed is what came of a deploy, for programs.
type deployed struct {
	Name string `json:"function"`
	*admin.Report
	Kind     registry.Kind        `json:"kind,omitempty"`
	Why      string               `json:"why,omitempty"` // it is of that kind
	Command  []string             `json:"command,omitempty"`
	Labels   []string             `json:"labels,omitempty"`  // that its workers must have
	Differs  []string             `json:"differs,omitempty"` // from the version before, for people
	URL      string               `json:"url,omitempty"`     // where it is called
	Error    string               `json:"error,omitempty"`
	Failures []admin.StartFailure `json:"failures,omitempty"` // of workers that could not start it
	Took     float64              `json:"ms"`

	flags string // of faasctl invoke, to call it where it was deployed if URL is not known
}

// deploy deploys it. Why it does not start is printed to standard error.
func (p *packed) deploy(ctx context.Context, std config.Stdio, to listener) (deployed, error) {
	done := deployed{Name: p.name, Kind: p.manifest.Kind, Why: p.why, Command: p.manifest.Command, Labels: p.manifest.Labels, flags: to.flags}
	if len(to.frontends) > 0 {
		done.URL = strings.TrimRight(to.frontends[0], "/") + "/" + p.name
	}
	began := time.Now()
	tell, told := progress(std, p.name)
	report, err := to.Deploy(ctx, p.name, p.manifest, io.NewSectionReader(p, 0, p.Size), tell)
	told()
	done.Took = milliseconds(time.Since(began))
	if err != nil && ctx.Err() != nil {
		p.interrupted(ctx, std.Err, to)
	}
	var start *admin.StartError
	if errors.As(err, &start) {
		done.Error, done.Failures = err.Error(), start.Failures
		printFailures(std.Err, start.Failures)
		return done, fmt.Errorf("version %d of %s does not start; %s", start.Version, p.name, admin.Remains(p.name, start.Previous))
	}
	return done.finish(std, report, err)
}

// line is what came of it, for people.
func (d deployed) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s version %d, %s, ", d.Name, d.Version, d.Kind)
	if d.Workers == 0 {
		b.WriteString("served by no worker: requests wait for one " + withLabels(d.Labels))
	} else {
		b.WriteString("served by " + operator.Plural(d.Workers, "worker"))
	}
	if d.Unchanged {
		b.WriteString(", as it was: nothing to do")
	}
	if d.URL == "" {
		return b.String() + "; call it: faasctl invoke " + d.Name + " --body hello " + d.flags
	}
	return b.String() + "; call it: curl -d hello " + d.URL
}

// withLabels says which workers may have a function.
func withLabels(labels []string) string {
	switch len(labels) {
	case 0:
		return "that may have it"
	case 1:
		return "with the label " + labels[0]
	}
	return "with the labels " + strings.Join(labels, ", ")
}

// printFailures prints why workers could not start a version, and what it
// printed; those for the same reason are named together.
func printFailures(out io.Writer, failures []admin.StartFailure) {
	said := make(map[admin.StartFailure]bool)
	for _, f := range failures {
		same := admin.StartFailure{Reason: f.Reason, Log: f.Log}
		if said[same] {
			continue
		}
		said[same] = true
		var workers []string
		for _, o := range failures {
			if o.Reason == f.Reason && o.Log == f.Log {
				workers = append(workers, o.Worker)
			}
		}
		fmt.Fprintf(out, "%s: %s\n", config.Printable(strings.Join(workers, ", ")), config.Printable(strings.TrimSpace(f.Reason)))
		for line := range strings.Lines(f.Log) {
			fmt.Fprintf(out, "  | %s\n", readable(strings.TrimRight(line, "\r\n")))
		}
	}
}

// readable is a line that a function has printed, as a terminal may show it.
func readable(text string) string { return config.Printable(strings.ReplaceAll(text, "\t", "    ")) }
