module hello-wasm

go 1.26.0
