package server

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poller is epoll(7), woken by an eventfd.
type poller struct {
	epoll  int
	waker  int
	events [maxEvents]unix.EpollEvent
	ready  []event
}

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &poller{epoll: epoll, waker: waker}
	if err := p.add(waker, readable); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) add(fd int, want interest) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, want)
}

func (p *poller) change(fd int, _, want interest) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, want)
}

func (p *poller) remove(fd int, _ interest) {
	unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil)
}

func (p *poller) control(op, fd int, want interest) error {
	e := unix.EpollEvent{Fd: int32(fd)}
	if want&readable != 0 {
		e.Events |= unix.EPOLLIN
	}
	if want&writable != 0 {
		e.Events |= unix.EPOLLOUT
	}
	if want&hangup != 0 {
		e.Events |= unix.EPOLLRDHUP
	}
	if want&edge != 0 { // saves the kernel a look at each descriptor in the next wait
		e.Events |= unix.EPOLLET | unix.EPOLLRDHUP
	}
	if err := unix.EpollCtl(p.epoll, op, fd, &e); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (p *poller) wait(d time.Duration) ([]event, error) {
	p.ready = p.ready[:0]
	n, err := unix.EpollWait(p.epoll, p.events[:], milliseconds(d))
	if err == unix.EINTR {
		return p.ready, nil
	}
	if err != nil {
		return nil, fmt.Errorf("epoll_wait: %w", err)
	}
	for i := range p.events[:n] {
		e := &p.events[i]
		if int(e.Fd) == p.waker {
			var count [8]byte
			unix.Read(p.waker, count[:])
			continue
		}
		var ready interest
		if e.Events&unix.EPOLLIN != 0 {
			ready |= readable
		}
		if e.Events&unix.EPOLLOUT != 0 {
			ready |= writable
		}
		if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			ready |= hangup
		}
		p.ready = append(p.ready, event{int(e.Fd), ready})
	}
	return p.ready, nil
}

func (p *poller) wake() {
	unix.Write(p.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // any number but 0 in either byte order
}

func (p *poller) close() {
	unix.Close(p.waker)
	unix.Close(p.epoll)
}
