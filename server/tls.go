package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// TLS names the files of a server that speaks TLS on its TCP port.
type TLS struct {
	Cert string // certificates in PEM, the server's first
	Key  string // its private key
	CA   string // who signs the certificates that clients must show; empty: they need none
}

// handshakeTime is how long a client may take to agree on a key.
const handshakeTime = 10 * time.Second

// terminator speaks TLS in front of the loop: each connection has a goroutine for each
// direction, which copies between the client and a socket of the loop. That costs a copy,
// and leaves the loop with nothing but descriptors.
type terminator struct {
	loop   *loop
	config *tls.Config
	all    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu
	ended bool                  // guarded by mu
}

// newTerminator reads the files of the configuration.
func newTerminator(l *loop, t TLS) (*terminator, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%w: %s holds no certificate", ErrUsage, t.CA)
		}
	}
	return &terminator{loop: l, config: config, conns: map[net.Conn]struct{}{}}, nil
}

// serve takes over the descriptor of a connection.
func (t *terminator) serve(fd int, in *listener, addr string) {
	file := os.NewFile(uintptr(fd), addr)
	raw, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return
	}
	if !t.enter(raw) {
		raw.Close()
		return
	}
	go func() {
		defer t.all.Done()
		defer t.leave(raw)
		if err := t.relay(tls.Server(raw, t.config), in, addr); err != nil {
			t.loop.server.log.Warn("a client failed to speak TLS", "client", addr, "error", err)
		}
	}()
}

// enter counts a connection, unless no more are taken.
func (t *terminator) enter(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || len(t.conns) >= t.loop.server.cfg.MaxClients {
		return false
	}
	t.conns[c] = struct{}{}
	t.all.Add(1)
	return true
}

func (t *terminator) leave(c net.Conn) {
	c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// relay shakes hands and copies both ways until either side is done.
func (t *terminator) relay(client *tls.Conn, in *listener, addr string) error {
	client.SetDeadline(time.Now().Add(handshakeTime))
	if err := client.Handshake(); err != nil {
		return err
	}
	client.SetDeadline(time.Time{})
	inner, err := t.pair(in, addr)
	if err != nil {
		return err
	}
	requests := make(chan struct{})
	go func() {
		defer close(requests)
		io.Copy(inner, client)
		inner.CloseWrite() // the loop answers what came, and closes
	}()
	io.Copy(patient{client, t.loop.server.cfg.WriteTimeout}, inner)
	client.CloseWrite()
	deliver(client.NetConn().(*net.TCPConn), t.loop.server.cfg.WriteTimeout)
	client.NetConn().Close()
	inner.Close()
	<-requests
	return nil
}

// deliver waits until the peer has what was written, or for so long, or until c is closed: a close
// while something is not read resets the connection.
func deliver(c *net.TCPConn, timeout time.Duration) {
	raw, err := c.SyscallConn()
	for end := time.Now().Add(timeout); err == nil && time.Now().Before(end); {
		left := 0
		if err = raw.Control(func(fd uintptr) { left = undelivered(int(fd)) }); left == 0 {
			return
		}
		time.Sleep(drainPause)
	}
}

// patient is a connection on which each write may take so long.
type patient struct {
	net.Conn
	timeout time.Duration
}

func (p patient) Write(b []byte) (int, error) {
	p.SetWriteDeadline(time.Now().Add(p.timeout))
	return p.Conn.Write(b)
}

// pair gives one end of a pair of sockets to the loop and returns the other.
func (t *terminator) pair(in *listener, addr string) (*net.UnixConn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	unix.SetNonblock(fds[0], true)
	file := os.NewFile(uintptr(fds[1]), addr)
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	t.loop.bring(arrival{fds[0], in, addr})
	return conn.(*net.UnixConn), nil
}

// close waits at most d for replies to be delivered, then ends all connections.
func (t *terminator) close(d time.Duration) {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	waitAtMost(&t.all, d)
	t.mu.Lock()
	for c := range t.conns {
		c.Close()
	}
	t.mu.Unlock()
	t.all.Wait()
}

// waitAtMost waits for a group, but no longer than d. It tells whether the group has ended.
func waitAtMost(g *sync.WaitGroup, d time.Duration) bool {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
