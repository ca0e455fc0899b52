package command

import (
	"time"

	"github.com/nubdb/nubdb/engine"
)

const (
	// syncEvery is the longest time that an acknowledged write of a long run is not on
	// stable storage.
	syncEvery = time.Second
	// letGoAfter is how long the database is kept by who does nothing with it.
	letGoAfter = 100 * time.Millisecond
	// keepFor is how long it is kept at least by who has something to do, while others
	// wait: letting go and taking back costs about a millisecond.
	keepFor = 50 * time.Millisecond
	// askEvery is how often an owner asks whether others wait, which costs a microsecond.
	askEvery = 5 * time.Millisecond
)

// hold is the times by which a Database decides how long it keeps its engine.
type hold struct {
	taken  time.Time
	last   time.Time // the last use
	asked  time.Time // whether others wait
	synced time.Time
}

func (h *hold) begin(now time.Time) { *h = hold{taken: now, last: now, asked: now, synced: now} }

func (h *hold) used(now time.Time) { h.last = now }

// Between does what is due between two groups of commands: it makes durable what has waited
// for a second, and lets go of the database if others wait. What it reads of the clock is in
// now.
func (d *Database) Between(now time.Time) error {
	d.hold.used(now)
	return d.Idle(now)
}

// Idle does what is due while there is nothing to do. Due tells when that is.
func (d *Database) Idle(now time.Time) error {
	h := &d.hold
	switch {
	case !d.Held() || d.atomic.wanted:
		return nil
	case d.canLetGo() && (now.Sub(h.last) >= letGoAfter || d.mustLetGo(now)):
		return d.LetGo()
	case d.dirty && now.Sub(h.synced) >= syncEvery:
		if err := d.End(); err != nil {
			return err
		}
		return d.sync()
	}
	return nil
}

// Due is the time until Idle has something to do, negative for never.
func (d *Database) Due(now time.Time) time.Duration {
	h := &d.hold
	switch {
	case !d.Held() || d.atomic.wanted:
		return -1
	case d.canLetGo():
		return max(0, min(letGoAfter-now.Sub(h.last), askEvery-now.Sub(h.asked)))
	case d.dirty:
		return max(0, syncEvery-now.Sub(h.synced))
	}
	return -1
}

// mustLetGo tells whether others wait and have waited long enough.
func (d *Database) mustLetGo(now time.Time) bool {
	h := &d.hold
	if now.Sub(h.asked) < askEvery {
		return false
	}
	h.asked = now
	busy := now.Sub(h.last) < askEvery
	return !(busy && now.Sub(h.taken) < keepFor) && d.db.Wanted()
}

// canLetGo tells whether the session would not notice.
func (d *Database) canLetGo() bool {
	return d.db != nil && !d.atomic.wanted && d.opt.Path != engine.Memory && !d.session.InMulti() && !d.session.Watching()
}
