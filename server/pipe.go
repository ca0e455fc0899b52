package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errUnread is returned when nobody reads a pipe for too long.
var errUnread = errors.New("nobody reads them")

// requestPipe is the named pipe that clients write commands to. What one or several of them
// write until all have closed it is a session.
//
// It is closed between two sessions, so that whoever opens it for the next one waits until
// the replies of the last have been written and that pipe is closed. Otherwise a quick client
// could open the pipe of the replies while it is still open from the last session, and read
// nothing but its end.
type requestPipe struct {
	path      string
	soon      *alarm // ends the wait for a session
	late      *alarm // ends a session
	fd        int    // -1 between two sessions
	ready     bool   // somebody has opened the pipe, so that reading nothing is the end of the session
	inSession bool
	kept      int // see close; -1 if there is none
}

// open makes ready for the next session, which begins when somebody opens the pipe.
func (p *requestPipe) open() (err error) {
	if p.fd, err = openPipe(p.path, unix.O_RDONLY); err != nil {
		return err
	}
	p.ready, p.inSession = false, false
	if p.kept < 0 {
		return nil
	}
	// That nobody writes any more when kept is closed would be the end of a session for
	// fd, but not for a descriptor that is opened later.
	early := p.fd
	p.forget()
	p.fd, err = openPipe(p.path, unix.O_RDONLY)
	unix.Close(early)
	return err
}

// close ends a session, at once when its end has been read. Somebody may have opened the pipe
// in between, and have written to it: that is kept for the next session. Should they write
// after this they get EPIPE, an error that they see. It never happens to clients that take
// turns.
func (p *requestPipe) close() {
	if p.fd < 0 {
		return
	}
	if keeps {
		p.kept, _ = openPipe(p.path, unix.O_WRONLY)
	}
	unix.Close(p.fd)
	p.fd = -1
	if p.kept >= 0 && !holds(p.kept) {
		p.forget()
	}
}

// forget gives up what has been kept.
func (p *requestPipe) forget() {
	if p.kept >= 0 {
		unix.Close(p.kept)
		p.kept = -1
	}
}

// Read returns io.EOF when all writers have closed the pipe, and from then on.
func (p *requestPipe) Read(b []byte) (int, error) {
	for p.fd >= 0 {
		if err := p.wait(); err != nil {
			return 0, err
		}
		n, err := unix.Read(p.fd, b)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			p.ready = false
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: p.path, Err: err}
		case n == 0:
			p.close()
		default:
			return n, nil
		}
	}
	return 0, io.EOF
}

// wait waits for something to read, unless there should be something.
func (p *requestPipe) wait() error {
	if p.late.rings() {
		return errStopped
	}
	end := p.soon
	if p.inSession {
		end = p.late
	}
	if !p.ready {
		if err := end.wait(p.fd); err != nil {
			return err
		}
	}
	p.ready, p.inSession = true, true
	return nil
}

// replyPipe is the named pipe that clients read replies from.
type replyPipe struct {
	path string
	late *alarm // ends the wait for a reader
	now  func() time.Time
}

const (
	// readPatience is how long replies wait for somebody to read them, or to read on.
	readPatience = 5 * time.Second
	// The kernel tells that nobody has opened a pipe for reading, but not when somebody
	// does, so it is asked again and again: soon at first, since a client does so right
	// after it has closed the other pipe. (An open that waits could not be called back when
	// the pipe has been removed.)
	firstPause   = 20 * time.Microsecond
	longestPause = 10 * time.Millisecond
)

// deliver writes replies to whoever opens the pipe, and closes it, also when there are none.
// It returns errUnread when nobody takes them, EPIPE when the reader leaves early, and
// errStopped when the server stops first; what has not been written then is lost.
func (p *replyPipe) deliver(replies []byte) error {
	fd := -1
	err := p.persist(func() (err error) {
		fd, err = openPipe(p.path, unix.O_WRONLY)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for len(replies) > 0 && err == nil {
		err = p.persist(func() error {
			n, err := unix.Write(fd, replies)
			if err != nil {
				return &os.PathError{Op: "write", Path: p.path, Err: err}
			}
			replies = replies[n:]
			return nil
		})
	}
	return err
}

// persist calls try again as long as it fails for want of a reader, up to readPatience.
func (p *replyPipe) persist(try func() error) error {
	began := p.now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := try()
		switch {
		case !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EAGAIN):
			return err
		case p.now().Sub(began) > readPatience:
			return errUnread
		}
		if err := p.late.pause(pause); err != nil {
			return err
		}
	}
}

// openPipe opens an end of a named pipe without waiting for the other. For writing the
// error is ENXIO while nobody reads.
func openPipe(path string, flag int) (int, error) {
	fd, err := unix.Open(path, flag|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return -1, errors.Join(err, fmt.Errorf("%s is no longer a named pipe", path))
	}
	return fd, nil
}

// makePipe makes a named pipe for the user alone, if nothing has that name. It tells which
// one it has made, nil if there was one.
func makePipe(path string) (made os.FileInfo, err error) {
	err = unix.Mkfifo(path, 0o600)
	if err != nil && err != unix.EEXIST {
		return nil, &os.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	info, statErr := os.Stat(path)
	switch {
	case statErr != nil:
		return nil, statErr
	case info.Mode()&os.ModeNamedPipe == 0:
		return nil, fmt.Errorf("%w: %s is not a named pipe", ErrUsage, path)
	case err == unix.EEXIST:
		return nil, nil
	}
	return info, nil
}

// removePipe removes a named pipe that makePipe has made, if it is still that.
func removePipe(path string, made os.FileInfo) {
	if info, err := os.Lstat(path); made != nil && err == nil && os.SameFile(info, made) {
		os.Remove(path)
	}
}
