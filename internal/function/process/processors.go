package process

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ours are the processors that this process could run on when it began. It may run
// on fewer by now: `faasd up` has its workers gathered on one at times. Functions are
// to have all.
var ours unix.CPUSet

func noteProcessors() {
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		ours.Zero()
	}
}

// processorsFlag begins a guard's argument that tells the processors, by number.
const processorsFlag = "processors="

// processors is that argument, "processors=0,1" for example.
func processors() string {
	var numbers []string
	for n := 0; len(numbers) < ours.Count(); n++ {
		if ours.IsSet(n) {
			numbers = append(numbers, strconv.Itoa(n))
		}
	}
	return processorsFlag + strings.Join(numbers, ",")
}

// takeProcessors has this thread, and what it starts, run on the processors that one
// of the arguments tells. Those that the kernel does not give any more are left out.
func takeProcessors(args []string) {
	for _, arg := range args {
		list, ok := strings.CutPrefix(arg, processorsFlag)
		if !ok {
			continue
		}
		var set unix.CPUSet
		for number := range strings.SplitSeq(list, ",") {
			if n, err := strconv.Atoi(number); err == nil {
				set.Set(n)
			}
		}
		_ = unix.SchedSetaffinity(0, &set)
	}
}
