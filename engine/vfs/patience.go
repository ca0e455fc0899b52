package vfs

import (
	"errors"
	"time"
)

// patience is how long to wait for a lock: until the deadline, or until giveUp, which may
// be nil, says so. That is asked when the lock is found taken and from then on every
// askEvery.
type patience struct {
	deadline time.Time
	giveUp   func() bool
	died     <-chan struct{} // crash twin: closed when the process dies
}

const askEvery = 50 * time.Millisecond

// errGivenUp ends a wait before its time.
var errGivenUp = errors.New("given up")

func newPatience(wait time.Duration, giveUp func() bool) *patience {
	return &patience{deadline: time.Now().Add(wait), giveUp: giveUp}
}

// exhausted tells whether there is none: it returns ErrLocked, errGivenUp or nil.
func (p *patience) exhausted() error {
	switch {
	case p.giveUp != nil && p.giveUp():
		return errGivenUp
	case !time.Now().Before(p.deadline):
		return ErrLocked
	}
	return nil
}

// await returns what comes through a channel, or what exhausted returns.
func (p *patience) await(locked <-chan error) error {
	timer := time.NewTimer(time.Until(p.deadline))
	defer timer.Stop()
	var ask <-chan time.Time
	if p.giveUp != nil {
		ticker := time.NewTicker(askEvery)
		defer ticker.Stop()
		ask = ticker.C
	}
	for {
		select {
		case err := <-locked:
			return err
		case <-timer.C:
			return ErrLocked
		case <-p.died:
			return errGivenUp
		case <-ask:
			if p.giveUp() {
				return errGivenUp
			}
		}
	}
}
