package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxReplaced bounds the attempts on a file system that numbers a file anew each
// time it is asked (some in user space do).
const maxReplaced = 100

var errReplaced = errors.New("file was replaced again and again")

// Lock takes a lock of flock(2): it belongs to the open file, so no other close
// in this process drops it, and the kernel drops it when the process dies.
func (osFS) Lock(name string, shared bool, wait time.Duration) (io.Closer, error) {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	deadline := time.Now().Add(wait)
	for range maxReplaced {
		fd, err := openLock(name)
		if err == nil {
			err = flock(fd, how, time.Until(deadline))
		}
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		if sameFile(fd, name) {
			return &osFile{fd: fd, name: name}, nil
		}
		// The file was removed or replaced while we waited for its lock, so
		// others lock another file by now: start again with that.
		unix.Close(fd)
	}
	return nil, &fs.PathError{Op: "lock", Path: name, Err: errReplaced}
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

// flock locks fd within wait, or closes it.
func flock(fd, how int, wait time.Duration) error {
	err := retryErr(func() error { return unix.Flock(fd, how|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
		if wait > 0 {
			return flockWait(fd, how, wait)
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
func flockWait(fd, how int, wait time.Duration) error {
	locked, abandoned := make(chan error), make(chan struct{})
	go func() {
		err := retryErr(func() error { return unix.Flock(fd, how) })
		select {
		case locked <- err:
		case <-abandoned:
			unix.Close(fd)
		}
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-locked:
		if err != nil {
			unix.Close(fd)
		}
		return err
	case <-timer.C:
		close(abandoned)
		return ErrLocked
	}
}

// sameFile tells whether name still leads to the open file fd.
func sameFile(fd int, name string) bool {
	var a, b unix.Stat_t
	errA := retryErr(func() error { return unix.Fstat(fd, &a) })
	errB := retryErr(func() error { return unix.Stat(name, &b) })
	return errors.Join(errA, errB) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}
