package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// run runs the module for one call, until it ends or ctx does.
func (f *Function) run(ctx context.Context, m *module, in function.Invocation) (function.Result, error) {
	out := &output{ctx: ctx, most: f.cfg.MaxOutput}
	log := f.cfg.Logs.Writer(logs.Stderr, func() string { return in.Job })
	diag := &diagnostics{ctx: ctx, log: log}
	ctx, turn := withTurn(ctx)
	defer turn.leave()
	config := m.config.
		WithStdin(input{ctx, bytes.NewReader(in.Body)}).WithStdout(out).WithStderr(diag).
		WithRandSource(random(ctx)).
		WithNanosleep(func(ns int64) { sleep(ctx, ns) }).
		WithOsyield(runtime.Gosched)
	for name, value := range function.Environment(ctx, in, f.cfg.Env) {
		config = config.WithEnv(name, value)
	}
	if f.pack.files {
		config = config.WithFSConfig(wazero.NewFSConfig().WithFSMount(&folder{FS: f.pack.root.FS()}, "/"))
	}
	mem, err := reserve(m.memory)
	if err != nil {
		return function.Result{}, function.Failed(function.TypeInit, "function %s: %v", f.cfg.Name, err)
	}
	err = m.start(ctx, config, mem)
	err = errors.Join(err, mem.release())
	log.Close()
	e := ending{err, out, diag, mem.refused}
	res, err := f.judge(ctx, e, in.Job)
	f.say(e, err, in.Job)
	return res, err
}

// say puts into the function's log why a call has failed, behind what the module
// printed of it. That its time was up is said by who has set it.
func (f *Function) say(e ending, err error, job string) {
	var (
		failure *function.Failure
		exit    *sys.ExitError
	)
	switch {
	case errors.As(err, &failure):
		f.cfg.Logs.Add(logs.System, job, failure.Message)
	case err != nil && errors.As(e.err, &exit):
		f.cfg.Logs.Add(logs.System, job, fmt.Sprintf("exit status %d", exit.ExitCode()))
	}
}

// start makes an instance and runs it to its end.
func (m *module) start(ctx context.Context, config wazero.ModuleConfig, mem *memory) error {
	instance, err := m.instance(ctx, config, mem)
	if err != nil {
		return err
	}
	defer instance.Close(ctx)
	_, err = instance.ExportedFunction(entry).Call(ctx)
	return err
}

// try makes an instance and throws it away.
func (m *module) try(ctx context.Context) error {
	ctx, turn := withTurn(ctx)
	defer turn.leave()
	mem, err := reserve(m.memory)
	if err != nil {
		return err
	}
	instance, err := m.instance(ctx, m.config, mem)
	if err == nil {
		err = instance.Close(ctx)
	}
	return errors.Join(err, mem.release())
}

func (m *module) instance(ctx context.Context, config wazero.ModuleConfig, mem *memory) (api.Module, error) {
	return m.engine.InstantiateModule(experimental.WithMemoryAllocator(ctx, mem), m.compiled, config)
}

// ending is how a run ended.
type ending struct {
	err     error // as the engine says it
	out     *output
	diag    *diagnostics
	refused bool // it wanted more memory than it may have
}

// judge makes a result or an error of how a run ended.
func (f *Function) judge(ctx context.Context, e ending, job string) (function.Result, error) {
	var exit *sys.ExitError
	exited := errors.As(e.err, &exit)
	name := f.cfg.Name
	switch {
	case e.err == nil, exited && exit.ExitCode() == 0:
		kind := f.cfg.ContentType
		if kind == "" {
			kind = function.ContentType(e.out.buf.Bytes())
		}
		return function.Result{ContentType: kind, Body: e.out.buf.Bytes()}, nil
	case e.out.full:
		return function.Result{}, function.Failed(function.TypeTooLong,
			"function %s answered with more than the %d bytes that it may; make its answer shorter", name, e.out.most)
	case errors.Is(e.err, errEnded):
		return function.Result{}, f.ended(ctx)
	case e.refused:
		return function.Result{}, function.Failed(function.TypeMemory,
			"function %s ended when it needed more memory than the %d MiB that it may use; raise its memory limit", name, f.cfg.Memory>>20)
	case exited:
		body := e.diag.end()
		if len(body) == 0 {
			body = fmt.Appendf(nil, "exit status %d\n", exit.ExitCode())
		}
		return function.Result{}, &function.Error{Result: function.Result{ContentType: "text/plain; charset=utf-8", Body: body}}
	}
	trap, trace, _ := strings.Cut(e.err.Error(), "\n")
	trap = strings.TrimPrefix(trap, "wasm error: ")
	for line := range strings.Lines(trace) {
		f.cfg.Logs.Add(logs.System, job, strings.TrimRight(line, "\n"))
	}
	return function.Result{}, function.Failed(function.TypeExit, "function %s trapped: %s", name, trap)
}

// ended is the error of a call whose ctx has ended: the function's when it was
// closed, else the caller's.
func (f *Function) ended(ctx context.Context) error {
	var stopped *function.Failure
	if errors.As(context.Cause(ctx), &stopped) {
		return stopped
	}
	return ctx.Err()
}
