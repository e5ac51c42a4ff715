package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/registrar/admin"
)

// deploying is what commands have in common that ask an admin listener.
type deploying struct {
	target
	admin string

	byAdmin *config.Setting
}

func (d *deploying) declareDeploying(s *config.Set) {
	d.declare(s)
	d.byAdmin = s.String(&d.admin, "admin", "", "ADDR|unix:PATH", "where functions are deployed").DefaultText("what the system says")
}

func (d *deploying) validateAdmin() error {
	if d.admin == "" {
		return nil
	}
	if err := admin.ValidAddress(d.admin); err != nil {
		source := d.byAdmin.Variable()
		if d.byAdmin.Typed() {
			source = d.byAdmin.Flag()
		}
		return &config.ValueError{Source: source, Value: d.admin, Err: err}
	}
	return nil
}

// listener is where functions are deployed, and where they are called.
type listener struct {
	*admin.Client
	frontends []string // URLs, best first; none if they are not known
	flags     string   // by which faasctl finds the same system where they are not
}

// find finds the admin listener. The exit code of its error is that of "no
// cluster reached".
func (d *deploying) find(ctx context.Context) (listener, error) {
	named := d.byData.Typed() || d.byCoordinator.Typed()
	if d.admin != "" && (d.byAdmin.Typed() || !named) { // a flag beats FAASD_ADMIN
		return d.reach(d.admin, d.frontendsOf(d.admin)...)
	}
	if len(d.coordinators) > 0 && !d.byData.Typed() {
		o, picture, err := d.open(ctx)
		if err != nil {
			return listener{}, err
		}
		defer o.Close()
		return d.among(picture)
	}
	running, err := config.ReadRunning(d.data)
	if err == nil && running.Admin == "" {
		err = fmt.Errorf("the faasd up of the data folder %s (process %d) serves no deploying: it is older than this faasctl; start it again", d.data, running.PID)
	}
	if err != nil {
		return listener{}, &config.ExitError{Code: config.ExitNoCluster, Err: err}
	}
	return d.reach(running.Admin, running.HTTP)
}

// frontendsOf are those of the data folder's system, if the address is its own.
func (d *deploying) frontendsOf(address string) []string {
	if running, err := config.ReadRunning(d.data); err == nil && running.Admin == address {
		return []string{running.HTTP}
	}
	return nil
}

// among chooses a listener among those that the cluster tells of.
func (d *deploying) among(p operator.Picture) (listener, error) {
	here, err := os.Hostname()
	if err != nil {
		return listener{}, fmt.Errorf("cannot find out this machine's name, by which to tell its admin listeners: %w; name one with --admin", err)
	}
	address, err := chooseAdmin(p.Registrars, here)
	if err != nil {
		return listener{}, &config.ExitError{Code: config.ExitNoCluster, Err: err}
	}
	frontends, err := choose(p.Frontends, here)
	if err != nil { // it can be deployed all the same
		frontends = nil
	}
	return d.reach(address, frontends...)
}

// chooseAdmin returns the first address that can be reached from the host here:
// listeners are only for programs on their own host.
func chooseAdmin(registrars []operator.Part, here string) (string, error) {
	var elsewhere []string
	for _, r := range registrars {
		switch address := r.Endpoints["admin"]; {
		case r.State != operator.StateOK || address == "":
		case r.Host == here:
			return address, nil
		default:
			elsewhere = append(elsewhere, r.Host)
		}
	}
	if len(elsewhere) == 0 {
		return "", errors.New("nothing can be deployed in this cluster: no frontend has a store; start one with `faasd frontend --store DIR`")
	}
	slices.Sort(elsewhere)
	hosts := strings.Join(slices.Compact(elsewhere), ", ")
	return "", fmt.Errorf("functions are deployed only from the hosts of frontends that have a store: %s; run faasctl there, or bring the listener here with ssh -L and name it with --admin", hosts)
}

func (d *deploying) reach(address string, frontends ...string) (listener, error) {
	c, err := admin.NewClient(address)
	flags := "--url URL (that of a frontend of this system)"
	if d.byCoordinator.Typed() {
		flags = "--coordinator " + strings.Join(d.coordinators, ",")
	}
	return listener{c, frontends, flags}, err
}

// unreached gives an error that means that no admin listener is there the exit code of "no
// cluster reached".
func unreached(err error) error {
	if errors.Is(err, admin.ErrNoListener) {
		return &config.ExitError{Code: config.ExitNoCluster, Err: err}
	}
	return err
}

// How long something must be waited for to be told of: on a terminal, and where
// it may end up in a log.
const (
	toldAfter   = 500 * time.Millisecond
	loggedAfter = 5 * time.Second
)

// progress returns how to tell what is waited for, until done is called.
func progress(std config.Stdio, name string) (tell func(line string), done func()) {
	after := loggedAfter
	if isTerminal(std.Err) {
		after = toldAfter
	}
	var (
		mu    sync.Mutex // guards what follows, and std.Err meanwhile
		over  bool
		timer *time.Timer
	)
	tell = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		timer = time.AfterFunc(after, func() {
			mu.Lock()
			defer mu.Unlock()
			if !over {
				fmt.Fprintf(std.Err, "%s: %s\n", config.Printable(name), config.Printable(line))
			}
		})
	}
	return tell, func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// late says who does not go by a change yet.
func late(std config.Stdio, r admin.Report) {
	if len(r.Behind) > 0 {
		fmt.Fprintf(std.Err, "faasctl: not there yet, and go by it as soon as they can: %s\n", config.Printable(strings.Join(r.Behind, ", ")))
	}
}
