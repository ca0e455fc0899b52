package batch

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// descriptor is a file descriptor whose reads and writes end when the run is
// stopped. It never changes the descriptor's mode (O_NONBLOCK would be seen by
// every process that shares it) but polls before each call that could block.
type descriptor struct {
	fd   int
	name string
	stop *stopper
	// blocks tells that reads and writes may wait for another process: pipes,
	// sockets, terminals. Regular files need no poll.
	blocks bool
	// before is called before a read that has to wait. due tells for how long it may then
	// wait before idle is called; a negative time is for ever. All may be nil.
	before func() error
	due    func() time.Duration
	idle   func() error
}

// pipeChunk is what a pipe that poll calls writable takes without blocking
// (PIPE_BUF is 4096 on Linux and 512 on the BSDs, whose pipes take more).
const pipeChunk = 4096

func newDescriptor(file *os.File, stop *stopper) *descriptor {
	info, err := file.Stat()
	return &descriptor{
		fd: int(file.Fd()), name: file.Name(), stop: stop,
		blocks: err != nil || !info.Mode().IsRegular(),
	}
}

// Read returns errStopped when the run is stopped before there is anything to read.
func (d *descriptor) Read(p []byte) (int, error) {
	for {
		if err := d.wait(unix.POLLIN); err != nil {
			return 0, err
		}
		n, err := unix.Read(d.fd, p)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: d.name, Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Write writes all of p. It returns errStopped when the run is stopped while
// nobody reads what it writes, and EPIPE when nobody ever will. (A write of os.File
// to a stdout that nobody reads would kill the process before it could sync.)
func (d *descriptor) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := d.wait(unix.POLLOUT); err != nil {
			return written, err
		}
		end := len(p)
		if d.blocks {
			end = min(end, written+pipeChunk)
		}
		n, err := unix.Write(d.fd, p[written:end])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return written, &os.PathError{Op: "write", Path: d.name, Err: err}
		}
		written += n
	}
	return written, nil
}

// wait returns when the descriptor can be read or written without blocking, or
// has failed, which the call that follows will report.
func (d *descriptor) wait(event int16) error {
	if !d.blocks {
		if event == unix.POLLIN && d.stop.stopped() != 0 {
			return errStopped
		}
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(d.fd), Events: event}, {Fd: int32(d.stop.wake), Events: unix.POLLIN}}
	for patience, waits := 0, false; ; patience = d.patience(event) {
		n, err := unix.Poll(fds, patience)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case fds[1].Revents != 0 && (event == unix.POLLIN || fds[0].Revents == 0):
			return errStopped // output that can be written still is
		case fds[0].Revents != 0:
			return nil
		case n == 0 && !waits:
			waits = true
			if err := d.prepare(event); err != nil {
				return err
			}
		case n == 0 && d.idle != nil:
			if err := d.idle(); err != nil {
				return err
			}
		}
	}
}

// prepare does what is to be done before a wait.
func (d *descriptor) prepare(event int16) error {
	d.stop.listen()
	if event == unix.POLLIN && d.before != nil {
		return d.before()
	}
	return nil
}

// patience is the time a poll may take, in milliseconds, -1 for ever.
func (d *descriptor) patience(event int16) int {
	if event != unix.POLLIN || d.due == nil {
		return -1
	}
	due := d.due()
	if due < 0 {
		return -1
	}
	return int((due + time.Millisecond - 1) / time.Millisecond)
}
