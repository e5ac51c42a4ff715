package config

import (
	"errors"
	"fmt"
)

// Exit codes of faasd and faasctl.
const (
	ExitOK          = 0
	ExitFailed      = 1   // it did not work
	ExitUsage       = 2   // the command line, or the value of a setting, cannot be used: nothing was begun
	ExitNoCluster   = 3   // faasctl reached no cluster at start
	ExitInterrupted = 130 // ended by SIGINT or SIGTERM before it was done
)

var (
	// ErrHelp says that the command line asked for help.
	ErrHelp = errors.New("help asked for")
	// ErrUsage says that the command line was not understood: an unknown
	// command or flag, an argument too many or too few. See [Usagef].
	ErrUsage = errors.New("wrong usage")

	errEmpty        = errors.New("is empty: give a value")
	errEmptyElement = errors.New("empty element in the list: write values separated by single commas")
)

// ValueError says that the value of a setting cannot be used. Its exit code is
// that of wrong usage.
type ValueError struct {
	Source string // the flag or the variable that it came from: "--http"
	Value  string
	Err    error // what is wrong with it and what to write instead
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Source, e.Value, e.Err)
}

func (e *ValueError) Unwrap() error { return e.Err }

// Usagef returns an error that wraps [ErrUsage], and what %w names, but reads
// as the format alone says.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ error }

func (e *usageError) Unwrap() []error { return []error{ErrUsage, e.error} }

// ExitError carries an exit code of its own to [Main]. Without Err nothing is
// printed.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }
