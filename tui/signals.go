package tui

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	tea "github.com/charmbracelet/bubbletea"
)

// obeySignals does what signals ask for that would leave the terminal as the screen
// has set it up, until ctx ends: it is given back before the program stops or dies,
// and taken again, and all of it drawn, when the program goes on. The signals that
// end ctx are not its matter.
func obeySignals(ctx context.Context, program *tea.Program, mouse bool) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGQUIT)
	defer signal.Stop(signals)
	program.Send(nil) // returns once the terminal is set up
	for {
		var s os.Signal
		select {
		case s = <-signals:
		case <-ctx.Done():
			return
		}
		_ = program.ReleaseTerminal() // what fails fails because the terminal is gone
		switch s {
		case syscall.SIGTSTP:
			stop()
		case syscall.SIGQUIT:
			signal.Reset(syscall.SIGQUIT)
			_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT)
			<-ctx.Done() // Go's own handler ends the program
			return
		}
		_ = program.RestoreTerminal()
		if mouse {
			program.Send(tea.EnableMouseCellMotion())
		}
	}
}

// stop stops the program, if a shell is there that can let it go on, and returns
// when it does. It raises SIGTTIN, which does just that; SIGTSTP, once caught, no
// longer would (os/signal does not give it back), and SIGSTOP asks for no shell.
// The thread that raises a signal takes it before it does anything else.
func stop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGTTIN)
}

// suspend is what Ctrl-Z does where the terminal's keys are not the program's own:
// all that its shell started with it stop too.
func suspend() tea.Msg {
	_ = syscall.Kill(0, syscall.SIGTSTP)
	return nil
}
