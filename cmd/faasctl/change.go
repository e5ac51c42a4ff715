package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"faasd/internal/config"
	"faasd/internal/registry"
)

// change is what a deploy changes.
type change struct {
	before    uint32   // the version that is current; 0: none is
	differs   []string // from it, for people
	forgotten []string // flags by which it was deployed and that are not written now
}

// compare says what differs from the version that is current.
func (c *deploy) compare(ctx context.Context, p *packed, to listener) (change, error) {
	f, err := to.Function(ctx, p.name)
	switch {
	case errors.Is(err, registry.ErrNoFunction):
		return change{}, nil
	case err != nil:
		return change{}, unreached(err)
	case f.Manifest == nil:
		return change{}, nil
	}
	return change{f.Current, registry.Differs(*f.Manifest, p.manifest), c.forgotten(f.Manifest, &p.manifest)}, nil
}

// forgotten are the flags without which the version before would not be as it is.
// Of kind and command that is only known if they would be guessed as they are now.
func (c *deploy) forgotten(before, now *registry.Manifest) (flags []string) {
	note := func(flag string, differs bool) {
		if differs && !slices.ContainsFunc(c.onlyOne, func(s *config.Setting) bool { return s.Flag() == flag && s.Given() }) {
			flags = append(flags, flag)
		}
	}
	guessed := before.Package == now.Package
	note("--kind", guessed && before.Kind != now.Kind)
	note("--command", guessed && !slices.Equal(before.Command, now.Command))
	note("--timeout", before.Timeout != now.Timeout)
	note("--memory", before.Memory != now.Memory)
	note("--concurrency", before.Concurrency != now.Concurrency)
	note("--label", !slices.Equal(before.Labels, now.Labels))
	note("--handler", before.Handler != now.Handler)
	note("--content-type", before.ContentType != now.ContentType)
	for name := range before.Env {
		if _, stays := now.Env[name]; !stays {
			return append(flags, "--env")
		}
	}
	return flags
}

// describe says what differs. What is not said again does not stay as it was.
func (c change) describe(out io.Writer, name string) {
	if len(c.differs) == 0 {
		return
	}
	line := fmt.Sprintf("%s: differs from version %d: %s", name, c.before, strings.Join(c.differs, ", "))
	if len(c.forgotten) > 0 {
		line += fmt.Sprintf("; not kept from one deploy to the next: %s; to keep it, write it again, or in a %s", strings.Join(c.forgotten, ", "), registry.ProjectFile)
	}
	fmt.Fprintln(out, config.Printable(line))
}
