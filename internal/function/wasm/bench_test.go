package wasm

import (
	"context"
	"testing"

	"faasd/internal/function"
)

// BenchmarkStart is the whole of a call that does almost nothing, with a module
// that is compiled: each has an instance of its own, so each is a cold start.
func BenchmarkStart(b *testing.B) {
	for name, module := range map[string][]byte{"go": guest(b), "small": assemble(program{})} {
		b.Run(name, func(b *testing.B) {
			f := deploy(b, module, Config{})
			if err := f.Check(context.Background()); err != nil {
				b.Fatal(err)
			}
			in := function.Invocation{Job: "01J", Function: "hello", Body: []byte("echo hola")}
			for b.Loop() {
				if _, err := f.Invoke(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWork is a call that computes, mostly.
func BenchmarkWork(b *testing.B) {
	f := deploy(b, guest(b), Config{})
	for b.Loop() {
		call(b, f, "work 7")
	}
}
