package registrar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// ErrStopped: the registrar has stopped.
var ErrStopped = errors.New("the registrar stops; ask again when it has started")

const (
	// prepareWithin is how long workers have to fetch a version and bring it up.
	prepareWithin = 2 * time.Minute
	// followWithin is how long everybody has to go by a new catalogue.
	followWithin = 10 * time.Second
	// heardWithin is for how long a queue is waited for if none is heard.
	heardWithin = 5 * time.Second
	// standingPoll is how often it is looked how far the others are.
	standingPoll = 10 * time.Millisecond
)

// Deploy makes a new version of a function what new requests go to. The package
// is read from pkg, and progress is told what is being waited for.
func (r *Registrar) Deploy(ctx context.Context, name string, m registry.Manifest, pkg io.Reader, progress func(string)) (admin.Report, error) {
	if err := r.changeable(name); err != nil {
		return admin.Report{}, err
	}
	if err := r.keep(&m, pkg); err != nil {
		return admin.Report{}, err
	}
	before := r.current(name)
	number, unchanged, err := r.store.Stage(name, m)
	switch {
	case err != nil:
		return admin.Report{}, err
	case unchanged:
		rep := r.report(name, number, before, nil)
		rep.Unchanged = true
		return rep, nil
	}
	err = r.try(ctx, name, number, before, progress)
	if err == nil {
		err = r.store.Promote(name, number)
	}
	if err != nil {
		return admin.Report{}, r.fail(name, number, before, err)
	}
	r.tell(wire.LevelInfo, "function-deployed", fmt.Sprintf("%s: version %d takes new requests", name, number))
	return r.report(name, number, before, r.follow(ctx, name, number, progress)), nil
}

// keep stores a package, and refuses one that could not run.
func (r *Registrar) keep(m *registry.Manifest, pkg io.Reader) (err error) {
	if m.Package, m.Size, err = r.store.Put(pkg, m.Package); err != nil {
		return err
	}
	blob, err := r.store.Open(m.Package)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	archive, err := registry.OpenArchive(blob, blob.Size())
	if err != nil {
		return err
	}
	return archive.Check(*m, "") // workers know their own architecture
}

// Rollback has new requests go to an earlier version, the one before if number
// is 0; or to one of a function that was removed, the last if number is 0.
func (r *Registrar) Rollback(ctx context.Context, name string, number uint32, progress func(string)) (admin.Report, error) {
	if err := r.changeable(name); err != nil {
		return admin.Report{}, err
	}
	before := r.current(name)
	number, err := r.store.Rollback(name, number)
	switch {
	case err != nil:
		return admin.Report{}, err
	case number == before:
		rep := r.report(name, number, before, nil)
		rep.Unchanged = true
		return rep, nil
	}
	r.tell(wire.LevelInfo, "function-rolled-back", fmt.Sprintf("%s: version %d takes new requests again", name, number))
	return r.report(name, number, before, r.follow(ctx, name, number, progress)), nil
}

// Remove has new requests refused. Those that were accepted still run.
func (r *Registrar) Remove(ctx context.Context, name string, progress func(string)) (admin.Report, error) {
	if err := r.changeable(name); err != nil {
		return admin.Report{}, err
	}
	before := r.current(name)
	if err := r.store.Remove(name); err != nil {
		return admin.Report{}, err
	}
	r.tell(wire.LevelInfo, "function-removed", name+" was removed; requests for it are refused")
	return r.report(name, before, before, r.follow(ctx, name, 0, progress)), nil
}

// changeable refuses names that no deployed function can have, and all of them
// while nobody would go by what is changed here.
func (r *Registrar) changeable(name string) error {
	switch {
	case r.built[name]:
		return fmt.Errorf("%w: %s is built in; choose another name", registry.ErrManifest, name)
	case !wire.ValidFunction(name):
		return fmt.Errorf("%w: %.80q is no name for a function: write 1 to 64 letters, digits, dots, dashes and underscores, and not the name of a route such as functions or metrics", registry.ErrManifest, name)
	}
	overruled, ok := ask(r, func(now role.Time) error { return r.Overruled(now) })
	if !ok {
		return ErrStopped
	}
	if overruled != nil {
		return overruled
	}
	_, err := r.store.Reload() // what was before is what others have made of it
	return err
}

// current is the version that requests go to; 0 none.
func (r *Registrar) current(name string) uint32 {
	if f := r.store.Catalogue().Function(name); f != nil && f.Serves() {
		return f.Current
	}
	return 0
}

// try has every worker bring a version up, and waits for them. Workers that do
// not say how it went in time do not hold it up: whoever gets a request for it
// waits there.
func (r *Registrar) try(ctx context.Context, name string, number, before uint32, progress func(string)) error {
	revision := r.publish()
	var failed []wire.Broken
	goal := Goal{Revision: revision, Function: name, Version: number}
	stands, err := r.await(ctx, prepareWithin, goal, progress, func(s Standing) bool {
		failed = slices.DeleteFunc(s.Broken, func(b wire.Broken) bool { return b.Function != name || b.Version != number })
		return len(failed) > 0
	})
	switch {
	case len(failed) > 0:
	case err == nil && stands.Queues == 0:
		return admin.ErrUnheard
	default:
		return err
	}
	start := &admin.StartError{Function: name, Version: number, Previous: before}
	start.Failures = startFailures(failed)
	return start
}

// startFailures says the same for who deploys.
func startFailures(broken []wire.Broken) (list []admin.StartFailure) {
	for _, b := range broken {
		f := admin.StartFailure{Worker: b.Worker, Reason: b.Reason, Log: b.Log}
		if b.Type != "" && !strings.HasPrefix(b.Reason, b.Type) {
			f.Reason = b.Type + ": " + b.Reason
		}
		list = append(list, f)
	}
	return list
}

// fail gives a version up; the one that was current before, 0 if none was, stays.
func (r *Registrar) fail(name string, number, before uint32, why error) (err error) {
	cancelled := errors.Is(why, context.Canceled)
	if cancelled {
		err = r.store.Cancel(name, number)
	} else {
		err = r.store.Fail(name, number, why.Error())
	}
	if err != nil {
		return errors.Join(why, err)
	}
	r.publish()
	remains := admin.Remains(name, before)
	if cancelled {
		r.tell(wire.LevelInfo, "function-cancelled", fmt.Sprintf("%s: version %d was cancelled by who deployed it; %s", name, number, remains))
	} else {
		r.tell(wire.LevelWarn, "function-failed", fmt.Sprintf("%s: version %d does not come up; %s", name, number, remains))
	}
	return why
}

// follow waits until everybody goes by the store as it is now and has that version
// of a function, none if it is 0, and returns who does not in time.
func (r *Registrar) follow(ctx context.Context, name string, number uint32, progress func(string)) (behind []string) {
	goal := Goal{Revision: r.publish(), Function: name, Version: number, Frontends: true}
	s, _ := r.await(ctx, followWithin, goal, progress, func(Standing) bool { return false })
	return s.Behind
}

// await waits until everybody has reached a goal, or enough says yes, or the time
// has passed, which is no error. That nobody goes by this store is one.
func (r *Registrar) await(ctx context.Context, within time.Duration, goal Goal, progress func(string), enough func(Standing) bool) (s Standing, err error) {
	timer, tick := time.NewTimer(within), time.NewTicker(standingPoll)
	defer timer.Stop()
	defer tick.Stop()
	unheard := time.Now().Add(heardWithin)
	told := ""
	for {
		var ok bool
		s, ok = ask(r, func(now role.Time) Standing { return r.Standing(now, goal) })
		switch {
		case !ok:
			return s, ErrStopped
		case s.Overruled != nil:
			return s, s.Overruled
		case enough(s) || len(s.Behind) == 0 && s.Queues > 0:
			return s, nil
		case s.Queues == 0 && time.Now().After(unheard):
			s.Behind = append(s.Behind, "whoever is there: no queue is heard")
			return s, nil
		}
		if waits := strings.Join(s.Behind, ", "); waits != told {
			told = waits
			progress("waiting for " + waits)
		}
		select {
		case <-tick.C:
		case <-timer.C:
			return s, nil
		case <-ctx.Done():
			return s, ctx.Err()
		case <-r.ctx.Done():
			return s, ErrStopped
		}
	}
}

func (r *Registrar) report(name string, version, before uint32, behind []string) admin.Report {
	rep := admin.Report{Function: name, Version: version, Previous: before, Revision: r.store.Catalogue().Revision, Behind: behind}
	rep.Workers, _ = ask(r, func(now role.Time) int { return r.Workers(now, name) })
	return rep
}

func (r *Registrar) tell(level, kind, text string) {
	r.log.Info(text)
	ask(r, func(now role.Time) bool { r.Event(now, level, kind, text); return true })
}

// Functions are all that are deployed, by name, with how many workers serve each.
func (r *Registrar) Functions(context.Context) ([]admin.Function, error) {
	states, ok := ask(r, func(now role.Time) map[string]wire.FunctionState { return r.bus.View.Functions(now) })
	if !ok {
		return nil, ErrStopped
	}
	if _, err := r.store.Reload(); err != nil { // what was changed through another frontend counts at once
		return nil, err
	}
	list := []admin.Function{}
	for _, f := range r.store.Catalogue().Functions {
		if f.Removed.IsZero() {
			list = append(list, admin.Function{Function: f, Workers: states[f.Name].Workers})
		}
	}
	return list, nil
}

// Function is one that is deployed, with the manifest of its current version.
func (r *Registrar) Function(ctx context.Context, name string) (admin.Function, error) {
	all, err := r.Functions(ctx)
	if err != nil {
		return admin.Function{}, err
	}
	for _, f := range all {
		if f.Name != name {
			continue
		}
		if v := f.Version(f.Current); v != nil {
			m, err := r.store.Manifest(v.Manifest)
			if err != nil {
				return f, err
			}
			f.Manifest = &m
			broken, _ := ask(r, func(now role.Time) []wire.Broken { return r.BrokenAt(now, name, v.Number) })
			f.Broken = startFailures(broken)
		}
		return f, nil
	}
	if err := r.store.Catalogue().Missing(name); err != nil {
		return admin.Function{}, err
	}
	return r.Function(ctx, name) // it was deployed meanwhile
}
