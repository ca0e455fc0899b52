package vfs

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// queueSuffix makes of the name of a lock that of its queue: a second file, of which
// whoever is next in turn holds the lock while it waits for the first. All others wait
// for the second one. So nobody who comes later, the last owner included, gets in ahead
// of those who wait; that the queue is held tells the owner that somebody waits; and
// whoever dies while it waits has left the queue.
const queueSuffix = ".queue"

// maxReplaced bounds the attempts on a file system that numbers a file anew each
// time it is asked (some in user space do).
const maxReplaced = 100

var errReplaced = errors.New("file was replaced again and again")

// Lock takes a lock of flock(2): it belongs to the open file, so no other close
// in this process drops it, and the kernel drops it when the process dies.
func (osFS) Lock(name string, shared bool, wait time.Duration, giveUp func() bool) (Lock, error) {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	p := newPatience(wait, giveUp)
	for range maxReplaced {
		l, err := p.lock(name, how)
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		if sameFile(l.fd, name) {
			return l, nil
		}
		// The file was removed or replaced while we waited for its lock, so
		// others lock another file by now: start again with that.
		l.Close()
	}
	return nil, &fs.PathError{Op: "lock", Path: name, Err: errReplaced}
}

// osLock is a lock of the machine.
type osLock struct {
	fd    int
	queue int // -1: there is none, because it cannot be made
}

func (l *osLock) Close() error {
	if l.queue >= 0 {
		unix.Close(l.queue)
	}
	return unix.Close(l.fd)
}

// Wanted shares the lock of the queue for a moment, which it can unless somebody waits.
func (l *osLock) Wanted() bool {
	if l.queue < 0 {
		return false
	}
	if err := unix.Flock(l.queue, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return err == unix.EWOULDBLOCK
	}
	unix.Flock(l.queue, unix.LOCK_UN)
	return false
}

// lock takes the lock of a file in turn.
func (p *patience) lock(name string, how int) (*osLock, error) {
	fd, err := openLock(name)
	if err != nil {
		return nil, err
	}
	queue, err := openLock(name + queueSuffix)
	if err == nil {
		err = p.flock(queue, unix.LOCK_EX)
	}
	switch {
	case err == errGivenUp:
		unix.Close(fd)
		return nil, ErrLocked
	case err != nil:
		// Where nobody can write there is no queue, and the lock is waited for as it is. At
		// the end of its time, too, it is tried once out of turn: the next in turn may be a
		// process that is stopped.
		queue = -1
	}
	if err := p.flock(fd, how); err != nil {
		if queue >= 0 {
			unix.Close(queue)
		}
		if err == errGivenUp {
			err = ErrLocked
		}
		return nil, err
	}
	if queue >= 0 {
		unix.Flock(queue, unix.LOCK_UN)
	}
	return &osLock{fd, queue}, nil
}

// openLock opens the file for writing, which a lock on NFS needs, or else for
// reading: on a read-only medium readers lock each other out of nothing.
func openLock(name string) (int, error) {
	fd, err := open(name, os.O_RDWR|os.O_CREATE)
	if err == unix.EACCES || err == unix.EPERM || err == unix.EROFS {
		if rfd, rerr := open(name, os.O_RDONLY); rerr == nil {
			return rfd, nil
		}
	}
	return fd, err
}

// flock locks fd, or closes it.
func (p *patience) flock(fd, how int) error {
	err := retryErr(func() error { return unix.Flock(fd, how|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		if err = p.exhausted(); err == nil {
			return p.flockWait(fd, how)
		}
	}
	if err != nil {
		unix.Close(fd)
	}
	return err
}

// flockWait waits in the kernel, so that the lock is ours the moment it is free,
// in the order of arrival and without polling. Such a wait cannot be called off:
// after the timeout the goroutine stays behind, and lets go of the lock should it
// still get it.
func (p *patience) flockWait(fd, how int) error {
	locked, abandoned := make(chan error), make(chan struct{})
	go func() {
		err := retryErr(func() error { return unix.Flock(fd, how) })
		select {
		case locked <- err:
		case <-abandoned:
			unix.Close(fd)
		}
	}()
	err := p.await(locked)
	switch err {
	case nil:
	case ErrLocked, errGivenUp:
		close(abandoned)
	default:
		unix.Close(fd)
	}
	return err
}

// sameFile tells whether name still leads to the open file fd.
func sameFile(fd int, name string) bool {
	var a, b unix.Stat_t
	errA := retryErr(func() error { return unix.Fstat(fd, &a) })
	errB := retryErr(func() error { return unix.Stat(name, &b) })
	return errors.Join(errA, errB) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}
