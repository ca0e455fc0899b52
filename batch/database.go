package batch

import (
	"errors"
	"fmt"
	"time"

	"github.com/nubdb/nubdb/command"
)

// openDatabase makes the run's hold on the database. Whenever that waits for another
// process, everything acknowledged before has been synced, so a stop may end the process
// meanwhile.
func (r *run) openDatabase() {
	r.db = command.NewDatabase(command.DatabaseOptions{
		Path:    r.DB,
		Engine:  r.Engine,
		Sync:    r.Sync,
		Report:  func(fault string) { r.say("%s", fault) },
		Reply:   r.replied,
		Synced:  func() { r.synced = r.at },
		Connect: r.connect, OneByOne: r.StopOnError,
		Waiting: func(wait func()) { r.stop.abandonable("the database", wait) },
	})
	r.stop.onStop(r.db.Interrupt)
}

// connect reaches the process that has the database, which is asked for when there is one.
func (r *run) connect(o command.PeerOptions) command.Peer {
	r.stop.listen() // this or the end of that process has to be waited for
	if r.Connect == nil {
		return nil
	}
	return r.Connect(o)
}

// unusable is the error that ends the run when the database cannot be used any more.
func (r *run) unusable(err error) error {
	var unknown *command.UnknownOutcome
	switch {
	case r.db.Failed():
		return r.lost(err)
	case errors.As(err, &unknown):
		return r.inDoubt(unknown)
	case r.stop.stopped() != 0: // instead of waiting for the database
		return errStopped
	}
	return err
}

// inDoubt tells of which commands nobody knows whether they happened.
func (r *run) inDoubt(err *command.UnknownOutcome) error {
	p := place{file: r.answering(), line: err.First}
	if err.Last > err.First {
		return fmt.Errorf("%s%w (and what follows, to line %d)", p.append(nil), err, err.Last)
	}
	return fmt.Errorf("%s%w", p.append(nil), err)
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
	now := time.Now()
	r.showProgress(now)
	if err := r.db.Between(now); err != nil {
		return r.unusable(err)
	}
	return nil
}

// idle does while the run waits for input what is due.
func (r *run) idle() error {
	now := time.Now()
	r.showProgress(now)
	if err := r.db.Idle(now); err != nil {
		return r.unusable(err)
	}
	return nil
}

// due is the time until idle has something to do, negative for never.
func (r *run) due() time.Duration {
	now := time.Now()
	return sooner(r.progress.due(now), r.db.Due(now))
}

// showProgress draws the progress if it is time for that.
func (r *run) showProgress(now time.Time) {
	if r.progress.due(now) == 0 {
		r.progress.draw(now, r.position())
	}
}

func (r *run) position() position {
	if r.mode {
		return position{bytes: r.passed, commands: -1}
	}
	at := position{bytes: r.passed, commands: r.counts.commands}
	if r.current != nil {
		at.bytes += r.current.Offset()
	}
	return at
}

// sooner is the shorter of two times, where a negative one is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}
