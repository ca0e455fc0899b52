package remote

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// SocketName is the socket in the database's directory.
const SocketName = "sock"

// version is that of the protocol.
const version = "1"

// Connect connects to the process that has the database in a directory. It returns nil if
// nobody listens there, or does not speak this version, or does not answer in time.
func Connect(o command.PeerOptions) command.Peer {
	fd, err := dial(filepath.Join(o.Dir, SocketName))
	if err != nil {
		return nil
	}
	c := &Conn{fd: fd}
	c.replies = wire.NewReplyReader(c)
	c.Send(greeting(o))
	c.patience = time.Now().Add(o.Wait)
	c.Interrupt() // as soon as that time is over
	reply, err := c.Receive()
	if err != nil || reply.IsError() {
		c.Close()
		return nil
	}
	c.ClearInterrupt()
	c.messages = o.Messages
	return c
}

// greeting is the first request.
func greeting(o command.PeerOptions) [][]byte {
	args := [][]byte{[]byte("NUBDB"), []byte(version)}
	if o.ReadOnly {
		args = append(args, []byte("READONLY"))
	}
	sync := "end"
	switch o.Sync {
	case command.SyncAlways:
		sync = "always"
	case command.SyncNo:
		sync = "no"
	}
	args = append(args, []byte("SYNC"), []byte(sync))
	if o.Messages {
		args = append(args, []byte("STREAM"))
	}
	if o.Owner != "" {
		args = append(args, []byte("OWNER"), []byte(o.Owner))
	}
	return args
}

// dial connects to a socket whose reads end after the time look.
func dial(path string) (fd int, err error) {
	short, done, err := ShortPath(path)
	if err != nil {
		return -1, err
	}
	defer done()
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	timeout := unix.NsecToTimeval(int64(look))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	if err == nil {
		err = connect(fd, short)
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

// connect does not wait in a queue that is full, which a server that is stopped has.
func connect(fd int, path string) error {
	timeout := unix.NsecToTimeval(int64(look))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return err
	}
	for {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			return err
		}
	}
}

// maxPath is the length of a path that fits the address of a unix socket on all systems.
const maxPath = 103

// ShortPath returns another path to what path names that fits the address of a unix socket:
// through a symbolic link to its directory, which done removes. That works on every Unix,
// and leaves the working directory alone, which all goroutines share.
func ShortPath(path string) (short string, done func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	temp, err := os.MkdirTemp("", "nubdb")
	if err != nil {
		return "", nil, err
	}
	done = func() { os.RemoveAll(temp) }
	if err := os.Symlink(dir, filepath.Join(temp, "d")); err != nil {
		done()
		return "", nil, err
	}
	return filepath.Join(temp, "d", filepath.Base(path)), done, nil
}
