package node

import (
	"os"
	"strconv"
)

// threadLooks bounds how often eachThread looks for threads that have begun meanwhile.
const threadLooks = 4

// eachThread calls set for all threads of a process, and again until it has changed
// none: one that begins meanwhile has what its maker had then. A process that has ended
// has no threads.
func eachThread(pid int, set func(tid int) (changed bool)) {
	for range threadLooks {
		threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		if err != nil {
			return
		}
		again := false
		for _, thread := range threads {
			if tid, err := strconv.Atoi(thread.Name()); err == nil && set(tid) {
				again = true
			}
		}
		if !again {
			return
		}
	}
}
