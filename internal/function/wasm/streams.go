package wasm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"faasd/internal/function/logs"
)

// errEnded ends a module that runs: its context has ended.
var errEnded = errors.New("it was ended")

// goOn is called by the host's side of a module that runs, and does not return
// if the module is to go on no more.
func goOn(ctx context.Context) {
	if ctx.Err() != nil {
		panic(errEnded) // the engine catches it, and returns it to who runs the module
	}
}

// input is a source that a module reads from.
type input struct {
	ctx  context.Context
	from io.Reader
}

// Read reads, as long as the module may run.
func (i input) Read(b []byte) (int, error) {
	goOn(i.ctx)
	return i.from.Read(b)
}

// random is the kernel's, through Go's.
func random(ctx context.Context) io.Reader { return input{ctx, rand.Reader} }

// output is what a module has written to standard output.
type output struct {
	ctx  context.Context
	most int64
	buf  bytes.Buffer
	full bool // it wanted to write more
}

// Write keeps what is written, and ends the module when it is too much.
func (o *output) Write(b []byte) (int, error) {
	goOn(o.ctx)
	if int64(o.buf.Len())+int64(len(b)) > o.most {
		o.full = true
		panic(errEnded)
	}
	return o.buf.Write(b)
}

// maxTail is how much of the end of standard error an error has, in bytes.
const maxTail = 4 << 10

// diagnostics is what a module writes to standard error.
type diagnostics struct {
	ctx  context.Context
	log  *logs.Writer
	tail []byte // at least the last maxTail bytes
}

// Write passes lines on to the log.
func (d *diagnostics) Write(b []byte) (int, error) {
	goOn(d.ctx)
	d.tail = append(d.tail, b[max(0, len(b)-maxTail):]...)
	if len(d.tail) > 2*maxTail {
		d.tail = append(d.tail[:0], d.tail[len(d.tail)-maxTail:]...)
	}
	return d.log.Write(b)
}

// end is the end of what was written.
func (d *diagnostics) end() []byte { return d.tail[max(0, len(d.tail)-maxTail):] }

// sleep waits as long as a module wants to, if it may run so long. Others may
// have its turn meanwhile.
func sleep(ctx context.Context, ns int64) {
	turnOf(ctx).pause(func() {
		t := time.NewTimer(time.Duration(ns))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	goOn(ctx)
}
