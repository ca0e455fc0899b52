package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// listener is a socket that connections come from.
type listener struct {
	fd      int
	address string // as it is shown, "127.0.0.1:6379" or a path
	unix    bool
	tls     bool
	local   bool   // the socket in the database's directory
	path    string // to be removed at the end
}

// check refuses what would let everybody in (Redis calls it protected mode) and what
// excludes each other.
func (cfg *Config) check() error {
	t := cfg.TLS
	if (t.Cert == "") != (t.Key == "") || t.CA != "" && t.Cert == "" {
		return fmt.Errorf("%w: TLS needs a certificate and its key", ErrUsage)
	}
	for _, host := range cfg.Bind {
		addr, err := net.ResolveIPAddr("ip", host)
		if err != nil {
			return fmt.Errorf("%w: %s is no address: %w", ErrUsage, host, err)
		}
		if !addr.IP.IsLoopback() {
			return cfg.protect(host)
		}
	}
	return nil
}

// protect refuses to listen where others than this machine can connect, without
// anything that tells who they are.
func (cfg *Config) protect(address string) error {
	if cfg.Password == "" && cfg.TLS.CA == "" {
		return fmt.Errorf("%w: listening on %s needs a password or client certificates (--requirepass-file, --tls-ca)", ErrUsage, address)
	}
	return nil
}

// listen opens all listeners.
func (s *Server) listen() error {
	s.limitClients()
	if err := s.listenLocal(); err != nil {
		return err
	}
	if err := s.startFIFO(); err != nil {
		return err
	}
	if err := s.startMetrics(); err != nil {
		return err
	}
	if passed, err := s.inherit(); err != nil || passed {
		return err
	}
	if s.cfg.TCP {
		if err := s.listenTCP(); err != nil {
			return err
		}
	}
	if s.cfg.UnixSocket != "" {
		return s.listenUnix(s.cfg.UnixSocket, s.cfg.UnixSocket, false)
	}
	return nil
}

// listenTCP listens on the addresses of the configuration.
func (s *Server) listenTCP() error {
	hosts := s.cfg.Bind
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1", "::1"}
	}
	port := s.cfg.Port
	for i, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if i > 0 && len(s.cfg.Bind) == 0 && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT)) {
			continue // no IPv6 here
		}
		if err != nil {
			return err
		}
		address := l.Addr().(*net.TCPAddr)
		port = address.Port
		if err := s.take(l, &listener{address: address.String(), tls: s.cfg.TLS.Cert != ""}); err != nil {
			return err
		}
	}
	return nil
}

// listenUnix listens on a socket that is bound at path and that only the user can connect to;
// shown is what others call it. One that nobody listens on is in the way and removed.
func (s *Server) listenUnix(path, shown string, local bool) error {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if conn, err := net.Dial("unix", path); err == nil && !local {
			conn.Close()
			return fmt.Errorf("%s: another process listens there", shown)
		}
		os.Remove(path)
	}
	mask := syscall.Umask(0o077)
	l, err := net.Listen("unix", path)
	syscall.Umask(mask)
	if err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return s.take(l, &listener{address: shown, unix: true, local: local, path: shown})
}

// take moves a socket to the loop.
func (s *Server) take(l net.Listener, in *listener) error {
	defer l.Close()
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return err
	}
	defer file.Close()
	if in.fd, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return err
	}
	return s.loop.listen(in)
}

// limitClients makes sure that there are descriptors for all clients. Go has raised the
// soft limit to the hard one at the start.
func (s *Server) limitClients() {
	const others = 32 // files of the database and listeners
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = unix.RLIM_INFINITY
	}
	s.most = max(1, int(min(limit.Cur, 1<<30))-others)
	if s.cfg.MaxClients > s.most {
		s.log.Warn("fewer clients than asked for: the limit of open files is too low", "maxclients", s.most, "limit", limit.Cur)
	}
}

// addresses are those of all listeners, for the log.
func (l *loop) addresses() string {
	var all []string
	for _, in := range l.listeners {
		all = append(all, in.address)
	}
	return strings.Join(all, " ")
}
