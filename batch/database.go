package batch

import (
	"fmt"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// syncEvery is the longest time that an acknowledged write of a long run is not
// on stable storage, and that others wait for the database.
const syncEvery = time.Second

// letGoAfter is how long a run without input keeps the database from others.
const letGoAfter = 100 * time.Millisecond

// open opens the database, which may wait for another process. Everything
// acknowledged before has been synced, so a stop may end the process meanwhile.
func (r *run) open() (err error) {
	r.stop.abandonable("the database", func() { r.db, err = engine.Open(r.DB, r.Engine) })
	if r.db == nil {
		if err == nil {
			err = errStopped
		}
		return err
	}
	instance := command.NewInstance(r.db, command.Settings{Path: r.DB, MaxSize: r.Engine.MaxSize, Sync: func() command.SyncPolicy { return r.Sync }})
	r.session = instance.NewSession(command.Options{
		ReadOnly: r.Engine.ReadOnly,
		Local:    true,
		Report:   func(fault string) { r.say("%s", fault) },
	})
	r.stop.onStop(r.session.Interrupt)
	r.lastUse, r.lastSync = time.Now(), time.Now()
	r.exists = r.db.Exists()
	if !r.Atomic {
		return nil
	}
	if r.writes {
		if err := r.create(); err != nil {
			return err
		}
	}
	return r.session.BeginAtomic()
}

// create makes the database if it does not exist, which may wait for another
// process that does the same. A database that cannot be made ends the run; a
// command that found out would only answer an error, as would all after it.
func (r *run) create() error {
	if r.exists || r.Engine.ReadOnly {
		return nil
	}
	if err := r.endGroup(); err != nil {
		return err
	}
	err := errStopped
	r.stop.abandonable("the database", func() {
		var tx *engine.Tx
		if tx, err = r.db.Begin(true); err == nil {
			tx.Rollback()
			r.exists = true
		}
	})
	return err
}

// letGo syncs and closes the database; the next command opens it again.
func (r *run) letGo() error {
	var err error
	if !r.broken {
		err = r.sync()
	}
	if e := r.db.Close(); err == nil {
		err = e
	}
	r.stop.onStop(nil)
	r.db, r.session = nil, nil
	if err != nil && !r.broken {
		return r.lost(err)
	}
	return nil
}

// canLetGo tells whether the session would not notice.
func (r *run) canLetGo() bool {
	return r.db != nil && !r.Atomic && r.DB != ":memory:" && !r.session.InMulti() && !r.session.Watching()
}

// harden makes everything acknowledged as safe as the policy wants it to be
// before its replies are written.
func (r *run) harden() error {
	switch {
	case r.db == nil, r.Atomic:
		return nil
	case r.Sync == command.SyncAlways:
		return r.sync()
	}
	return r.db.Flush()
}

// sync puts everything acknowledged on stable storage.
func (r *run) sync() error {
	if r.Sync == command.SyncNo {
		return r.db.Flush()
	}
	r.lastSync = time.Now()
	if err := r.db.Sync(); err != nil {
		return err
	}
	r.synced = r.at
	return nil
}

// lost is the error that ends the run when a write or sync has failed, which tells
// from where on nothing is durable. The replies not written yet never will be,
// because what they say may not be true.
func (r *run) lost(err error) error {
	r.broken = true
	if r.synced.line == 0 {
		return fmt.Errorf("%w (what this run wrote is not durable)", err)
	}
	return fmt.Errorf("%w (what was written after %s:%d is not durable)", err, r.synced.file, r.synced.line)
}

// housekeep does between two groups what is due, or ends the run.
func (r *run) housekeep() error {
	if r.stop.stopped() != 0 {
		return errStopped
	}
	r.lastUse = time.Now()
	r.showProgress(r.lastUse)
	if r.Atomic || r.db == nil || r.lastUse.Sub(r.lastSync) < syncEvery {
		return nil
	}
	if r.canLetGo() {
		return r.letGo() // costs little more than the sync, and others may be waiting
	}
	if err := r.sync(); err != nil {
		return r.lost(err)
	}
	return nil
}

// idle does while the run waits for input what is due.
func (r *run) idle() error {
	now := time.Now()
	r.showProgress(now)
	if r.canLetGo() && now.Sub(r.lastUse) >= letGoAfter {
		return r.letGo()
	}
	if r.unsynced() && now.Sub(r.lastSync) >= syncEvery {
		if err := r.sync(); err != nil {
			return r.lost(err)
		}
	}
	return nil
}

// due is the time until idle has something to do, negative for never.
func (r *run) due() time.Duration {
	now := time.Now()
	due := r.progress.due(now)
	if r.canLetGo() {
		due = sooner(due, max(0, letGoAfter-now.Sub(r.lastUse)))
	} else if r.unsynced() {
		due = sooner(due, max(0, syncEvery-now.Sub(r.lastSync)))
	}
	return due
}

// showProgress draws the progress if it is time for that.
func (r *run) showProgress(now time.Time) {
	if r.progress.due(now) == 0 {
		r.progress.draw(now, r.position())
	}
}

func (r *run) position() position {
	at := position{bytes: r.passed, commands: r.counts.commands}
	if r.current != nil {
		at.bytes += r.current.Offset()
	}
	return at
}

func (r *run) unsynced() bool { return r.db != nil && !r.Atomic && r.synced != r.at }

// sooner is the shorter of two times, where a negative one is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}
