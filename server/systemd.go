package server

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstPassed is the first descriptor of socket activation (sd_listen_fds(3)).
const firstPassed = 3

// inherit listens on the sockets that the service manager has opened for this process, if
// there are any. They take the place of all that are configured.
func (s *Server) inherit() (bool, error) {
	pid, n := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	count, err := strconv.Atoi(n)
	if pid != strconv.Itoa(os.Getpid()) || err != nil || count < 1 {
		return false, nil
	}
	for fd := firstPassed; fd < firstPassed+count; fd++ {
		unix.CloseOnExec(fd)
		addr, err := unix.Getsockname(fd)
		if err != nil {
			return true, fmt.Errorf("descriptor %d of LISTEN_FDS: %w", fd, err)
		}
		in := &listener{fd: fd, address: addressOf(addr, ""), tls: s.cfg.TLS.Cert != ""}
		switch a := addr.(type) {
		case *unix.SockaddrUnix:
			in.address, in.unix, in.tls = a.Name, true, false
		default:
			if host, _, _ := net.SplitHostPort(in.address); !net.ParseIP(host).IsLoopback() {
				if err := s.cfg.protect(in.address); err != nil {
					return true, err
				}
			}
		}
		if err := s.loop.listen(in); err != nil {
			return true, err
		}
	}
	return true, nil
}

// notify tells the service manager about the state of the service (sd_notify(3)), if
// there is one that wants to know.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path) // a path that begins with @ is abstract
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write([]byte(state))
}

// announce says that clients can connect.
func (s *Server) announce() {
	if s.stopFIFO != nil {
		s.log.Info("ready for commands in a named pipe", "in", s.cfg.In, "out", s.cfg.Out, "pid", os.Getpid())
	}
	if len(s.loop.listeners) > 0 {
		s.log.Info("ready to accept connections", "address", s.loop.addresses(), "db", s.cfg.DB, "pid", os.Getpid())
	}
	notify("READY=1")
}
