package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"faasd/internal/config"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// How long it is looked what has become of a deploy that was interrupted, and
// how often.
const (
	settledWithin = 3 * time.Second
	settledPoll   = 50 * time.Millisecond
)

// interrupted says what has become of a deploy that was interrupted.
func (p *packed) interrupted(ctx context.Context, out io.Writer, to listener) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settledWithin)
	defer cancel()
	f, err := p.settled(ctx, to)
	text := ""
	switch {
	case errors.Is(err, registry.ErrNoFunction):
		text = p.name + " is not deployed"
	case err != nil:
		text = fmt.Sprintf("what became of it is not known (%v); see faasctl functions %s --versions", err, p.name)
	case f.Current == 0:
		text = fmt.Sprintf("%s has no version that has come up, as before", p.name)
	case f.Manifest != nil && f.Manifest.Digest() == p.manifest.Digest():
		text = fmt.Sprintf("but version %d of %s is current, which is what was to be deployed", f.Current, p.name)
	default:
		text = fmt.Sprintf("%s stays at version %d", p.name, f.Current)
	}
	fmt.Fprintf(out, "faasctl deploy: cancelled; %s\n", config.Printable(text))
}

// settled waits until no version of the function is tried.
func (p *packed) settled(ctx context.Context, to listener) (admin.Function, error) {
	for {
		f, err := to.Function(ctx, p.name)
		if err != nil || !slices.ContainsFunc(f.Versions, func(v registry.Version) bool { return v.State == registry.StateTrying }) {
			return f, err
		}
		select {
		case <-time.After(settledPoll):
		case <-ctx.Done():
			return f, errors.New("it is still tried")
		}
	}
}
