package command

import (
	"time"

	"github.com/nubdb/nubdb/wire"
)

// pause is what CLIENT PAUSE has asked for. Instance.mu guards it.
type pause struct {
	until   time.Time
	all     bool          // all commands, otherwise those that write
	changed chan struct{} // closed when the pause changes
}

// CLIENT PAUSE timeout [WRITE | ALL]
func clientPause(s *Session, args [][]byte, out *wire.Reply) error {
	d, all, err := parsePause(args)
	if err != nil {
		return err
	}
	until := time.Now().Add(d)
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	p := &s.in.pause
	if p.until.Before(time.Now()) {
		*p = pause{changed: make(chan struct{})}
	}
	// Of two pauses at the same time the longer and the stricter counts, as in Valkey.
	p.all = p.all || all
	if until.After(p.until) {
		p.until = until
	}
	s.in.attention.Or(paused)
	*out = wire.OK
	return nil
}

func parsePause(args [][]byte) (d time.Duration, all bool, err error) {
	all = true
	if len(args) > 3 {
		all = is(args[3], "ALL")
		if !all && !is(args[3], "WRITE") {
			return 0, false, errPauseMode
		}
	}
	millis, err := parseInteger(args[2])
	switch {
	case err != nil:
		return 0, false, errTimeout
	case millis < 0:
		return 0, false, errNegative
	case millis > int64(1<<63-1)/int64(time.Millisecond):
		return 0, false, errTimeout
	}
	return time.Duration(millis) * time.Millisecond, all, nil
}

func checkPause(args [][]byte) error {
	_, _, err := parsePause(args)
	return err
}

// CLIENT UNPAUSE
func clientUnpause(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.unpause()
	*out = wire.OK
	return nil
}

// unpause lets everybody go on. in.mu is held.
func (in *Instance) unpause() {
	if in.pause.changed != nil {
		close(in.pause.changed)
	}
	in.pause = pause{}
	in.attention.And(^paused)
}

// awaitUnpause waits until a command with these flags may run. The transaction of
// a group ends meanwhile, so that nobody waits for it.
func (s *Session) awaitUnpause(flags Flag) error {
	for {
		s.in.mu.Lock()
		p := s.in.pause
		left := time.Until(p.until)
		if left <= 0 && p.changed != nil {
			s.in.unpause()
		}
		s.in.mu.Unlock()
		if left <= 0 || !p.all && flags&(Write|Replicated) == 0 || flags&Unpausable != 0 {
			return nil
		}
		if !s.atomic {
			if err := s.interlude(); err != nil {
				return err
			}
		}
		if err := s.await(left, p.changed); err != nil {
			return err
		}
	}
}

// await waits for so long, or until done is closed, or for an interrupt.
func (s *Session) await(d time.Duration, done <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	case <-s.interrupt:
		return errInterrupted
	}
	return nil
}
