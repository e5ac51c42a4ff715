package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/registry"
)

// call calls a version that is ready and held. If it does not come up because its
// files are not there any more, they are unpacked anew, and it is called again.
func (l *Library) call(ctx context.Context, v *version, in function.Invocation) (function.Result, error) {
	e := v.enter()
	res, err := v.invoke(ctx, e, in)
	e.users.Done()
	if err != nil && l.mend(ctx, v, e) && function.Unstarted(err) {
		e = v.enter()
		res, err = v.invoke(ctx, e, in)
		e.users.Done()
	}
	l.note(v, err)
	return res, err
}

// note keeps whether the version has come up when it was last called, and says
// so when that has changed.
func (l *Library) note(v *version, err error) {
	switch {
	case function.Unstarted(err):
		b := l.whyBroken(v, err)
		if v.setStuck(&b) {
			l.cfg.Log.Warn("function does not start at this worker", "function", v.name, "version", v.of.Number, "error", err)
			l.tell()
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // perhaps before it was up
	case v.setStuck(nil):
		l.cfg.Log.Info("function starts again at this worker", "function", v.name, "version", v.of.Number)
		l.tell()
	}
}

// lookAgain is how long after a failed call its version's files are looked at
// again: functions may fail often, and packages have many files.
const lookAgain = 5 * time.Second

// mend unpacks a version anew if an edition of it has lost files, or has files
// that were changed, and reports whether another call may fare better. Whoever
// cleans up temporary files can have removed them, and so can a function that
// runs as root.
func (l *Library) mend(ctx context.Context, v *version, e *edition) bool {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return false
	}
	if v.edition != e { // somebody else has
		return true
	}
	if time.Since(v.looked) < lookAgain {
		return false
	}
	defer func() { v.looked = time.Now() }()
	scratch := filepath.Join(l.cfg.Folder, scratchFolder)
	_, err := os.Stat(scratch)
	lost := err != nil && os.MkdirAll(scratch, 0o700) == nil
	if there, err := registry.Fingerprint(e.code); err == nil && there == e.unpacked {
		return lost
	}
	l.cfg.Log.Warn("files of a function are not as they were unpacked; unpacking them anew", "function", v.name, "version", v.of.Number, "folder", e.code)
	v.logs.Add(logs.System, "", "files of the function were removed or changed at this worker; they are unpacked anew")
	anew, err := l.build(ctx, v)
	if err != nil {
		l.cfg.Log.Warn("function cannot be unpacked anew", "function", v.name, "version", v.of.Number, "error", err)
		return lost
	}
	v.replace(anew)
	l.retired.Go(e.retire)
	return true
}
