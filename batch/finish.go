package batch

import (
	"errors"
	"fmt"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// finish ends the run: it writes what is left, makes it durable or rolls it back,
// and returns the exit status. err is what ended the run, nil for its end.
func (r *run) finish(err error) int {
	if !r.broken {
		if e := r.conclude(); err == nil {
			err = e
		}
	}
	r.note(r.stop.stopped())
	r.sayStopped(r.stop.stopped(), "")
	r.complain(err)
	r.checkMulti()
	r.settle()
	r.testLast()
	r.progress.finish(time.Now(), r.position())
	if more := r.diagnosed - maxDiagnostics; more > 0 {
		r.say("%d more commands failed", more)
	}
	if r.Summary {
		r.summarize()
	}
	return r.status
}

// complain says what ended the run early, if anything did.
func (r *run) complain(err error) {
	switch {
	case err == nil || errors.Is(err, errStopped):
		return
	case errors.Is(err, engine.ErrCorrupt):
		err = fmt.Errorf("%w (see --verify and --repair)", err)
	}
	r.note(statusOf(err))
	r.say("%v", err)
}

// sayStopped tells about a run whose time is up, and what it was waiting for if
// that is all that there is to tell. Who sends a signal knows why.
func (r *run) sayStopped(status int, waiting string) {
	switch {
	case status != StatusTimeout:
	case waiting != "":
		r.say("stopped after %v (--timeout), waiting for %s", r.Timeout, waiting)
	default:
		r.say("stopped after %v (--timeout)", r.Timeout)
	}
}

// checkMulti complains about commands that were queued and will never run.
func (r *run) checkMulti() {
	if !r.db.InMulti() {
		return
	}
	r.note(StatusError)
	r.say("%sthe input ended inside MULTI: the commands since then were not run", r.at.append(nil))
}

// settle makes what was acknowledged durable, or undoes an atomic run that failed.
func (r *run) settle() {
	if r.Atomic && r.status != StatusUsage {
		r.settleAtomic()
	}
	if err := r.db.Close(); err != nil && !r.broken {
		r.complain(r.lost(err))
	}
}

// settleAtomic commits an atomic run, or undoes it if anything went wrong. While a server has
// the database the replies come only with the commit.
func (r *run) settleAtomic() {
	if r.status == StatusOK {
		switch err := r.db.Commit(); {
		case err == nil:
			r.complain(r.acknowledge())
			return
		case errors.Is(err, command.ErrRolledBack):
			r.complain(r.acknowledge())
		default:
			r.complain(r.unusable(err))
			return
		}
	}
	if !r.db.Held() {
		r.say("nothing was run")
		return
	}
	r.db.Rollback()
	r.note(StatusStopped)
	r.say("rolled back: nothing was changed")
}

// testLast is --exit-nil and --test.
func (r *run) testLast() {
	switch r.last.Kind {
	case wire.KindNil, wire.KindNilArray:
		if r.ExitNil || r.Test {
			r.note(StatusTest)
		}
	case wire.KindInteger, wire.KindBool, wire.KindArray, wire.KindMap, wire.KindSet:
		if r.Test && r.last.Int == 0 {
			r.note(StatusTest)
		}
	}
}
