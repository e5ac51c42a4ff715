package process

// fakeVariable makes the test binary behave as one of the programs below.
const fakeVariable = "PROCESS_TEST_FAKE"

// fake is a function's program, or a worker; it returns the exit code.
func fake(behaviour string, args []string) int {
	return 0
}
