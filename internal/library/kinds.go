package library

import (
	"context"
	"path/filepath"

	"faasd/internal/function"
	"faasd/internal/function/lambda"
	"faasd/internal/function/process"
	"faasd/internal/function/wasm"
	"faasd/internal/registry"
)

// kind runs one version of a function.
type kind struct {
	function.Function
	check func(ctx context.Context) error // whether it comes up; a *function.Failure says why not
	close func(ctx context.Context)       // ends it; what runs may finish until ctx ends
}

// make makes what runs a version, whose package is unpacked in code.
func (l *Library) make(v *version, m registry.Manifest, code string) (*kind, error) {
	scratch := filepath.Join(l.cfg.Folder, scratchFolder)
	log := l.cfg.Log.With("function", v.name, "version", v.of.Number)
	switch m.Kind {
	case registry.KindLambda:
		f, err := lambda.New(lambda.Config{
			Name: v.name, Version: v.of.Number, Code: code, Command: m.Command, Handler: m.Handler, Env: m.Env,
			Memory: m.Memory, Concurrency: m.Concurrency, Processes: (l.cfg.Slots + m.Concurrency - 1) / m.Concurrency,
			MaxBody: l.cfg.MaxBody, Idle: l.cfg.Idle,
			Work: scratch, Guard: l.cfg.Guard, Logs: v.logs, Log: log,
		})
		if err != nil {
			return nil, err
		}
		return &kind{f, f.Check, f.Close}, nil
	case registry.KindExec:
		f := process.NewExec(process.Config{
			Name: v.name, Version: v.of.Number, Code: code, Command: m.Command, Env: m.Env, ContentType: m.ContentType,
			Memory: m.Memory, MaxOutput: int(l.cfg.MaxBody),
			Work: scratch, Guard: l.cfg.Guard, Logs: v.logs, Log: log,
		})
		return &kind{f, f.Check, func(ctx context.Context) { _ = f.Close(ctx) }}, nil
	case registry.KindWasm:
		file, _ := m.File()
		f, err := wasm.New(wasm.Config{
			Name: v.name, Version: v.of.Number, Code: code, Module: file, Env: m.Env, ContentType: m.ContentType,
			Memory: m.Memory, MaxOutput: l.cfg.MaxBody, Cache: l.cfg.Cache,
			Logs: v.logs, Log: log,
		})
		if err != nil {
			return nil, err
		}
		return &kind{f, f.Check, func(ctx context.Context) { _ = f.Close(ctx) }}, nil
	}
	return nil, function.Failed(function.TypeInit, "version %d of %s is of kind %q, which this release of faasd cannot run", v.of.Number, v.name, m.Kind)
}
