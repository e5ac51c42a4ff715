package function

// The kinds of function that are deployed. One that is built in, or that a
// worker of another program announces, has none.
const (
	KindLambda = "lambda" // speaks the AWS Lambda Runtime API
	KindExec   = "exec"   // one process for each call
	KindWasm   = "wasm"   // a WASI module
)

// Told reports whether functions of a kind are told how they were called over
// HTTP, as an Invocation's Request.
func Told(kind string) bool { return kind == KindExec || kind == KindWasm }
