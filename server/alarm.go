package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errStopped is returned by what waits for the other end of a pipe when the server stops.
var errStopped = errors.New("the server stops")

// alarm is a descriptor that becomes readable, for good, when a context ends, so that
// poll(2) can wait for that as well.
type alarm struct {
	ctx         context.Context
	read, write *os.File
	forget      func() bool
}

func newAlarm(ctx context.Context) (*alarm, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &alarm{ctx, read, write, context.AfterFunc(ctx, func() { write.Close() })}, nil
}

func (a *alarm) close() {
	a.forget()
	a.write.Close()
	a.read.Close()
}

func (a *alarm) rings() bool { return a.ctx.Err() != nil }

// wait waits until fd can be read or has failed, which the next call will tell. It returns
// errStopped when the alarm rings first.
func (a *alarm) wait(fd int) error {
	fds := []unix.PollFd{
		{Fd: int32(fd), Events: unix.POLLIN},
		{Fd: int32(a.read.Fd()), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case fds[0].Revents == 0:
			return errStopped
		default:
			return nil
		}
	}
}

// pause waits for d, in finer steps than poll(2) and the timers of Go know, which are
// milliseconds. It returns errStopped when the alarm rings.
func (a *alarm) pause(d time.Duration) error {
	var fds unix.FdSet
	fd := int(a.read.Fd())
	fds.Set(fd)
	timeout := unix.NsecToTimeval(int64(d))
	if n, err := unix.Select(fd+1, &fds, nil, nil, &timeout); err == nil && n > 0 {
		return errStopped
	}
	return nil
}
