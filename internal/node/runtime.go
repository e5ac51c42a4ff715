package node

import (
	"os"
	"runtime"
	"strconv"
	"sync"
)

// ballast makes the garbage collector run less often: it collects when the
// heap has doubled, and a role's own heap is so small that this would be some
// fifty times a second under load. The ballast counts as heap but is never
// touched, so it is address space and not memory. A higher GOGC would do the
// same for a small heap, but would let a large one, full of bodies, grow by as
// much again several times over.
var ballast []byte

const ballastSize = 32 << 20

// tuneRuntime sets up the Go runtime for a role. With share, half of the
// processors are left to libzmq's I/O thread, to the workers and to the
// clients. A job crosses a role as a chain of short turns on few goroutines;
// with a processor to spare, Go wakes a thread for each of them to steal it from
// the last: on two processors, 14 thread switches for a request through `up`
// instead of 9. GOMAXPROCS in the environment overrides it.
func tuneRuntime(share bool) {
	ballast = make([]byte, ballastSize)
	runtime.KeepAlive(ballast) // from here on by the variable
	if share && os.Getenv(processorsVariable) == "" {
		runtime.GOMAXPROCS(half())
	}
}

// processorsVariable is by which Go's runtime is told how many processors it may
// use; half is what it is told, at least one.
const processorsVariable = "GOMAXPROCS"

var half = sync.OnceValue(func() int { return max(1, runtime.GOMAXPROCS(0)/2) })

// sharing is the environment of the worker process of that number, from 1, that
// runs beside others on this machine: each gets half of the processors, for the
// reason above, and as many as two for each processor keep Go's monitor awake.
// Functions that are processes of their own have all.
func sharing(number int) (env []string) {
	if os.Getenv(processorsVariable) == "" { // else they inherit it
		env = append(env, processorsVariable+"="+strconv.Itoa(half()))
	}
	if number > 2*runtime.NumCPU() {
		env = append(env, debugVariable+"="+withDebug(asleep))
	}
	return env
}
