// Package wasm runs functions that are WebAssembly modules for WASI preview 1,
// in this process: each call in an instance with memory of its own, which can
// do nothing but read its request, compute and answer.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// What a Config without them means.
const (
	DefaultMemory    = 256 << 20
	DefaultMaxOutput = 6 << 20
)

// Config says which module is a function, and within which bounds it runs.
type Config struct {
	Name      string
	Version   uint32
	Code      string            // the folder of its package; what else is in it the function may read
	Module    string            // the module's path in Code; "": the only file there that ends in .wasm
	Env       map[string]string // what it is told besides function.Environment
	Memory    int64             // bytes of memory that a call may use, up to 4 GiB; 0: DefaultMemory
	MaxOutput int64             // bytes of an answer; 0: DefaultMaxOutput

	// ContentType is the type of its answers; "": function.ContentType guesses.
	ContentType string

	// Cache is a folder for compiled modules, that several workers may share, so
	// that a module is compiled once only; "": none. What is in it is run as
	// machine code, so nobody else may write there.
	Cache string

	Logs *logs.Ring   // where its standard error goes; nil: nowhere
	Log  *slog.Logger // names the function and its version; nil: nothing is said
}

// Function is a module that can be called.
type Function struct {
	cfg    Config
	pack   *pack
	ctx    context.Context // ends all that is running
	cancel context.CancelFunc
	users  sync.WaitGroup // Add only with mu, as long as ctx has not ended

	mu     sync.Mutex
	module *loading // nil: needed by nobody yet, or failed
}

// loading is a module that is being compiled, or is.
type loading struct {
	done   chan struct{} // closed when the rest is there
	module *module
	err    error
}

// New opens the package of a function. The module is compiled when it is
// checked or called first.
func New(cfg Config) (*Function, error) {
	if cfg.Memory <= 0 {
		cfg.Memory = DefaultMemory
	}
	if cfg.MaxOutput <= 0 {
		cfg.MaxOutput = DefaultMaxOutput
	}
	if cfg.Logs == nil {
		cfg.Logs = new(logs.Ring)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p, err := openPack(cfg.Code, cfg.Module)
	if err != nil {
		return nil, function.Failed(function.TypeInit, "function %s: %v", cfg.Name, err)
	}
	f := &Function{cfg: cfg, pack: p}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// Check compiles the module, unless it is already, and makes an instance of it.
// The error of a broken one is a *function.Failure that says what is wrong.
func (f *Function) Check(ctx context.Context) error {
	if !f.enter() {
		return f.closed()
	}
	defer f.users.Done()
	m, err := f.load(ctx)
	if err != nil {
		return err
	}
	if err := m.try(ctx); err != nil {
		return function.Failed(function.TypeInit, "function %s: %s cannot be started: %v", f.cfg.Name, f.pack.module, err)
	}
	return nil
}

// Invoke runs the module once: the body is its standard input, what it writes
// to standard output is the answer. A function that exits with anything but 0
// has reported an error, the end of its standard error.
func (f *Function) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	if !f.enter() {
		return function.Result{}, f.closed()
	}
	defer f.users.Done()
	m, err := f.load(ctx)
	if err != nil {
		return function.Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.ctx, func() { cancel(f.closed()) })()
	return f.run(ctx, m, in)
}

// Close ends what is running and frees the module. It fails if ctx ends before
// that; then it may be called again.
func (f *Function) Close(ctx context.Context) error {
	f.mu.Lock()
	f.cancel()
	l := f.module
	f.mu.Unlock()

	idle := make(chan struct{})
	go func() {
		defer close(idle)
		f.users.Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		return fmt.Errorf("function %s is still running: %w", f.cfg.Name, ctx.Err())
	}
	err := f.pack.Close()
	if l != nil && l.module != nil {
		err = errors.Join(err, l.module.Close(ctx))
	}
	return err
}

// enter keeps the function from being freed until users.Done, unless it is
// closed.
func (f *Function) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.users.Add(1)
	return true
}

func (f *Function) closed() error {
	return function.Failed(function.TypeExit, "function %s was stopped by its worker; call it again", f.cfg.Name)
}

// load returns the compiled module, and compiles it if it is not. Callers
// between enter and users.Done only.
func (f *Function) load(ctx context.Context) (*module, error) {
	f.mu.Lock()
	l := f.module
	if l == nil {
		l = &loading{done: make(chan struct{})}
		f.module = l
		f.users.Add(1)
		// Not with ctx: others will wait for it too.
		go func() {
			defer f.users.Done()
			f.compile(l)
		}()
	}
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.module, l.err
	case <-ctx.Done():
		return nil, f.ended(ctx)
	}
}

// compile fills in l. A failure is not kept: a broken package is refused when
// it is deployed, so that what fails here is likely to be the machine's.
func (f *Function) compile(l *loading) {
	defer close(l.done)
	m, err := newModule(f.ctx, f.cfg, f.pack)
	if err != nil {
		l.err = function.NotStarted("function %s: %s: %v", f.cfg.Name, f.pack.module, err)
		f.mu.Lock()
		f.module = nil
		f.mu.Unlock()
		return
	}
	l.module = m
}

var (
	_ function.Function = (*Function)(nil)
	_ io.Closer         = (*pack)(nil)
)
