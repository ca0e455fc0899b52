//go:build darwin || freebsd

package server

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poller is kqueue(2), woken by a user event. It tells of a hangup only together with
// what can be read or written.
type poller struct {
	queue  int
	events [maxEvents]unix.Kevent_t
	ready  []event
}

// wakeIdent identifies the user event.
const wakeIdent = 1

func newPoller() (*poller, error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return nil, fmt.Errorf("kqueue: %w", err)
	}
	unix.CloseOnExec(queue)
	p := &poller{queue: queue}
	var wake unix.Kevent_t
	unix.SetKevent(&wake, wakeIdent, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR)
	if err := p.submit(wake); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) add(fd int, want interest) error { return p.change(fd, 0, want) }

func (p *poller) change(fd int, was, want interest) error {
	for bit, filter := range map[interest]int{readable: unix.EVFILT_READ, writable: unix.EVFILT_WRITE} {
		if was&bit == want&bit {
			continue
		}
		var change unix.Kevent_t
		if want&bit != 0 {
			unix.SetKevent(&change, fd, filter, unix.EV_ADD)
		} else {
			unix.SetKevent(&change, fd, filter, unix.EV_DELETE)
		}
		if err := p.submit(change); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) remove(fd int, was interest) { p.change(fd, was, 0) }

func (p *poller) submit(change unix.Kevent_t) error {
	if _, err := unix.Kevent(p.queue, []unix.Kevent_t{change}, nil, nil); err != nil {
		return fmt.Errorf("kevent: %w", err)
	}
	return nil
}

func (p *poller) wait(d time.Duration) ([]event, error) {
	p.ready = p.ready[:0]
	var timeout *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		timeout = &t
	}
	n, err := unix.Kevent(p.queue, nil, p.events[:], timeout)
	if err == unix.EINTR {
		return p.ready, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kevent: %w", err)
	}
	for i := range p.events[:n] {
		e := &p.events[i]
		var ready interest
		switch e.Filter {
		case unix.EVFILT_READ:
			ready = readable
		case unix.EVFILT_WRITE:
			ready = writable
		default: // the user event
			continue
		}
		p.ready = append(p.ready, event{int(e.Ident), ready})
	}
	return p.ready, nil
}

func (p *poller) wake() {
	var wake unix.Kevent_t
	unix.SetKevent(&wake, wakeIdent, unix.EVFILT_USER, 0)
	wake.Fflags = unix.NOTE_TRIGGER
	p.submit(wake)
}

func (p *poller) close() { unix.Close(p.queue) }
