package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"faasd/internal/function/wasm/meter"
)

// entry is what a WASI program exports to be run.
const entry = "_start"

// pageSize is the unit of memory, in bytes.
const pageSize = 64 << 10

// module is a compiled module in an engine of its own.
type module struct {
	cache    wazero.CompilationCache // nil: none
	engine   wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig // what all calls have in common
	memory   int64               // bytes that a call may use
}

// newModule compiles the module of a package, or takes it from the cache.
func newModule(ctx context.Context, cfg Config, p *pack) (*module, error) {
	binary, err := p.root.ReadFile(p.module)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(binary, []byte("\x00asm\x0d\x00\x01\x00")) {
		return nil, errors.New("it is a component; build a module for WASI preview 1 (wasip1)")
	}
	metered, err := meter.Rewrite(binary)
	if err != nil {
		return nil, fmt.Errorf("it is no WebAssembly module that can be run: %w", err)
	}
	if least := int64(metered.MinPages) * pageSize; least > cfg.Memory {
		return nil, fmt.Errorf("it needs %d bytes of memory to start with, and may have %d; raise its memory limit", least, cfg.Memory)
	}
	started := time.Now()
	m, err := build(ctx, cfg, metered.Binary)
	if err != nil {
		return nil, err
	}
	cfg.Log.Info("compiled a module", "took", time.Since(started))
	m.memory = cfg.Memory
	m.config = wazero.NewModuleConfig().WithName("").WithArgs(cfg.Name).WithStartFunctions().
		WithSysWalltime().WithSysNanotime()
	return m, nil
}

// build compiles with the cache. Where that does not work, be it that it is
// damaged or that its disk is full, it does so without.
func build(ctx context.Context, cfg Config, binary []byte) (*module, error) {
	if cfg.Cache == "" {
		return buildIn(ctx, nil, binary)
	}
	cache, err := openCache(cfg.Cache)
	if err == nil {
		var m *module
		if m, err = buildIn(ctx, cache, binary); err == nil {
			if err := trim(cfg.Cache, cacheSize); err != nil {
				cfg.Log.Warn("the cache of compiled modules cannot be tidied", "folder", cfg.Cache, "error", err)
			}
			return m, nil
		}
		err = errors.Join(err, cache.Close(ctx))
	}
	m, without := buildIn(ctx, nil, binary)
	if without != nil {
		return nil, without
	}
	cfg.Log.Warn("the cache of compiled modules is of no use; each start takes longer", "folder", cfg.Cache, "error", err)
	return m, nil
}

// buildIn makes an engine with what modules may use, and compiles.
func buildIn(ctx context.Context, cache wazero.CompilationCache, binary []byte) (*module, error) {
	config := wazero.NewRuntimeConfig()
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	engine := wazero.NewRuntimeWithConfig(ctx, config)
	compiled, err := compile(ctx, engine, binary)
	if err != nil {
		return nil, errors.Join(err, engine.Close(ctx))
	}
	return &module{cache: cache, engine: engine, compiled: compiled}, nil
}

func compile(ctx context.Context, engine wazero.Runtime, binary []byte) (compiled wazero.CompiledModule, err error) {
	// What somebody else wrote must not end the worker, even where it meets a mistake of the engine.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the engine fails on it: %v", r)
		}
	}()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, engine); err != nil {
		return nil, err
	}
	_, err = engine.NewHostModuleBuilder(meter.Host).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(ctx context.Context, _ []uint64) { tick(ctx) }), nil, nil).
		Export(meter.Tick).Instantiate(ctx)
	if err != nil {
		return nil, err
	}
	if compiled, err = engine.CompileModule(ctx, binary); err != nil {
		return nil, err
	}
	wasi := engine.Module(wasi_snapshot_preview1.ModuleName)
	return compiled, runnable(compiled, wasi.ExportedFunctionDefinitions())
}

// runnable says why a module is not a program that can be run with WASI.
func runnable(m wazero.CompiledModule, wasi map[string]api.FunctionDefinition) error {
	for _, f := range m.ImportedFunctions() {
		from, name, _ := f.Import()
		if from == meter.Host && name == meter.Tick {
			continue
		}
		if _, ok := wasi[name]; !ok || from != wasi_snapshot_preview1.ModuleName {
			return fmt.Errorf("it wants a function %s of %s, which is not in WASI preview 1; build it for wasip1", name, from)
		}
	}
	if _, ok := m.ExportedFunctions()[entry]; !ok {
		return fmt.Errorf("it has no %s: build it as a program, not as a library", entry)
	}
	return nil
}

// Close frees the compiled code.
func (m *module) Close(ctx context.Context) error {
	err := m.engine.Close(ctx)
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	return err
}
