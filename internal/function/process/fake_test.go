package process

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// fakeVariable makes the test binary behave as one of the programs below.
const fakeVariable = "PROCESS_TEST_FAKE"

// fake is a program; it returns the exit code.
func fake(behaviour string, args []string) int {
	switch behaviour {
	case "worker":
		// Starts the script by a guard, bare if there is a second argument,
		// prints its guard's id and what the script prints, and waits for its end
		g := NewGuard(slog.New(slog.DiscardHandler))
		g.bare = len(args) > 1
		_, err := g.Start(Spec{Path: "/bin/sh", Args: []string{"-c", args[0]}, Env: []string{"PATH=" + DefaultPath}, Dir: "/", Stdout: os.Stdout})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println("guard", g.link.cmd.Process.Pid)
		select {}
	case "touch": // uses so many MiB of memory, and waits for its end
		var n int
		if _, err := fmt.Sscan(args[0], &n); err != nil {
			return 1
		}
		memory := []byte(strings.Repeat("x", n<<20))
		fmt.Println("touched", len(memory))
		select {}
	}
	fmt.Fprintln(os.Stderr, "no such behaviour:", behaviour)
	return 1
}
