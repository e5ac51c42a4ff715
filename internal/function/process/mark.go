package process

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// MarkVariable is in the environment of every process of a function. By its
// value a process that has left its parent and its session is found again.
const MarkVariable = "FAASD_TREE"

// A mark is "namespace:guard:start:random": the pid namespace and the id and
// start time of the guard, and something that other functions cannot guess.
// guardMark is the part of it that all trees of a guard have.
func guardMark(pid int) string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	e, _ := statOf(pid)
	return fmt.Sprintf("%s:%d:%d:", strings.Trim(namespace, "pid:[]"), pid, e.start)
}

func newMark(guard string) string { return guard + rand.Text() }

// markOf reads the mark of a process, "" if it has none. ok is false if it has
// no environment at all, as for a moment while it is executed and while it ends.
func markOf(pid int) (mark string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", false
	}
	for variable := range bytes.SplitSeq(data, []byte{0}) {
		if name, value, _ := bytes.Cut(variable, []byte{'='}); string(name) == MarkVariable {
			return string(value), true
		}
	}
	return "", len(data) > 0
}

// isStale says whether a mark is of a guard that does not live any more, of the
// same pid namespace as this process.
func isStale(mark, own string) bool {
	parts, ours := strings.Split(mark, ":"), strings.Split(own, ":")
	if len(parts) != 4 || parts[0] != ours[0] {
		return false
	}
	guard, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	e, ok := statOf(guard)
	return !ok || e.dead || strconv.FormatUint(e.start, 10) != parts[2]
}
