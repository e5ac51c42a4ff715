package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// target is which system a command is about.
type target struct {
	coordinators []string
	data         string
	within       time.Duration

	up int // process id of the `faasd up` that the data folder names; 0 none

	byCoordinator, byData *config.Setting
}

func (t *target) declare(s *config.Set) {
	s.FlagsOnly() // only where the system is, a variable may say
	s.Group("System")
	t.byCoordinator = s.Endpoints(&t.coordinators, "coordinator", nil, "where coordinators of a cluster let others subscribe").DefaultText("the one of --data")
	t.byData = s.DataDir(&t.data, "data folder of the `faasd up` to look at")
	s.Duration(&t.within, "within", 2*time.Second, 100*time.Millisecond, time.Minute, "how long to try to reach it")
}

// look opens the system, and has show print what is seen there now.
func (t *target) look(ctx context.Context, std config.Stdio, show func(operator.Picture) error) error {
	o, _, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	picture, err := o.Settled(ctx)
	if err != nil {
		return err
	}
	remark(std, o)
	return show(picture)
}

// remark says, beside what is printed, what is missing from the picture.
func remark(std config.Stdio, o *operator.Operator) {
	if silent := o.Silent(); len(silent) > 0 {
		fmt.Fprintf(std.Err, "faasctl: not told of by their queues, and so not listed: the workers and jobs of %s\n", config.Printable(strings.Join(silent, ", ")))
	}
}

// open connects to the system and waits for the first picture. The exit code
// of its error is that of "no cluster reached".
func (t *target) open(ctx context.Context) (*operator.Operator, operator.Picture, error) {
	endpoints := t.coordinators
	if t.byData.Typed() {
		if t.byCoordinator.Typed() {
			return nil, operator.Picture{}, config.Usagef("--coordinator and --data name two systems: write one of them")
		}
		endpoints = nil // a flag beats FAASD_COORDINATOR
	}
	if len(endpoints) == 0 {
		running, err := config.ReadRunning(t.data)
		if err != nil {
			return nil, operator.Picture{}, &config.ExitError{Code: config.ExitNoCluster, Err: err}
		}
		endpoints = []string{running.Coordinator}
		t.up = running.PID
	}
	o, err := operator.Open(endpoints)
	if err != nil {
		return nil, operator.Picture{}, err
	}
	limited, cancel := context.WithTimeout(ctx, t.within)
	defer cancel()
	p, err := o.Await(limited)
	if err != nil {
		switch {
		case ctx.Err() != nil: // the user would not wait
			err = ctx.Err()
		case errors.Is(err, operator.ErrNoCluster) && t.up > 0:
			err = &config.ExitError{Code: config.ExitNoCluster, Err: fmt.Errorf("the faasd up of the data folder %s (process %d) does not answer within %s; it may be stopped, or have ended a moment ago", t.data, t.up, t.within)}
		case errors.Is(err, operator.ErrNoCluster):
			err = &config.ExitError{Code: config.ExitNoCluster, Err: err}
		}
		return nil, p, errors.Join(err, o.Close())
	}
	return o, p, nil
}
