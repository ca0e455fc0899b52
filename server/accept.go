package server

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/wire"
)

// acceptBatch is how many connections are accepted at most before others are served.
const acceptBatch = 64

// keepAlive is how long a connection may be silent before the kernel asks whether the
// peer is still there, in seconds, as in Redis.
const keepAlive = 300

func newLoop(s *Server) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{server: s, poll: p, listeners: map[int]*listener{}, now: time.Now()}, nil
}

// listen adds a listener, whose descriptor belongs to the loop from then on.
func (l *loop) listen(in *listener) error {
	l.listeners[in.fd] = in
	if err := unix.SetNonblock(in.fd, true); err != nil {
		return err
	}
	return l.poll.add(in.fd, readable)
}

// watchListeners begins or ends accepting.
func (l *loop) watchListeners(want interest) {
	for fd := range l.listeners {
		l.poll.change(fd, readable&^want, want)
	}
}

// accept takes the connections that wait at a listener.
func (l *loop) accept(in *listener) {
	for range acceptBatch {
		fd, addr, err := accept(in.fd)
		switch err {
		case nil:
			l.admit(fd, in, addressOf(addr, in.address))
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			l.server.log.Error("a connection cannot be accepted", "error", err)
			l.paused = l.now.Add(acceptPause)
			l.watchListeners(0)
			return
		}
	}
}

// admit makes a connection of a descriptor that a listener has returned.
func (l *loop) admit(fd int, in *listener, addr string) {
	if !in.unix {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepIdle, keepAlive)
	}
	if in.tls {
		l.server.tls.serve(fd, in, addr)
		return
	}
	if l.count >= min(l.server.instance.MaxClients(), l.server.most) {
		refusal := wire.Error("ERR max number of clients reached")
		write(fd, wire.AppendRESP2(nil, &refusal))
		unix.Close(fd)
		return
	}
	l.add(fd, in, addr)
}

// add makes a connection of a descriptor.
func (l *loop) add(fd int, in *listener, addr string) {
	if l.draining {
		unix.Close(fd)
		return
	}
	if err := l.poll.add(fd, readable|edge); err != nil {
		l.server.log.Error("a connection cannot be watched", "client", addr, "error", err)
		unix.Close(fd)
		return
	}
	for fd >= len(l.conns) {
		l.conns = append(l.conns, nil)
	}
	localAddr := in.address
	if in.unix {
		localAddr = addr
	}
	c := &conn{loop: l, fd: fd, addr: addr, localAddr: localAddr, local: in.local, tcp: !in.unix && !in.tls, watched: readable | edge, active: l.now, progress: l.now}
	if in.local {
		c.forward = &forward{}
	}
	c.startSession(l.server.cfg.Engine.ReadOnly)
	l.conns[fd] = c
	l.count++
}

// drained begins to drain when it is called first: nothing is accepted and read any more,
// and long commands are interrupted. It tells whether everything read has been answered,
// or the time for that is up; then the connections are closed.
func (l *loop) drained() bool {
	if !l.draining {
		l.draining = true
		l.drainBy = l.now.Add(drainTime)
		l.closeListeners()
		for _, c := range l.conns {
			if c != nil {
				c.drain()
			}
		}
	}
	for _, c := range l.conns {
		if c != nil && !c.answered() && l.now.Before(l.drainBy) {
			return false
		}
	}
	for _, c := range l.conns {
		if c != nil {
			c.leave()
		}
	}
	return true
}

// answered tells whether the client has the replies to all that was read. Over TCP its system has
// to have them: a close while something is not read resets the connection, and what the kernel has
// not delivered by then is lost.
func (c *conn) answered() bool {
	return !c.busy && !c.more && c.unread() == 0 && (!c.tcp || undelivered(c.fd) == 0)
}

// drain stops reading from the client.
func (c *conn) drain() {
	if c.busy && (c.forward == nil || !c.forward.committing) {
		c.session.Interrupt()
	}
	c.watch()
}

// leave says goodbye where the protocol has a word for it, and closes the connection.
func (c *conn) leave() {
	if c.busy {
		return // its session is in use, and the process ends
	}
	if c.forward != nil && c.forward.greeted {
		c.forward.leave(c)
		c.flush()
	}
	c.close()
}

// closeListeners ends accepting. The socket in the database's directory stays until the
// database is let go of.
func (l *loop) closeListeners() {
	for fd, in := range l.listeners {
		unix.Close(fd)
		if in.path != "" && !in.local {
			os.Remove(in.path)
		}
	}
	clear(l.listeners)
}

// close gives back what belongs to the loop.
func (l *loop) close() {
	l.closeListeners()
	l.poll.close()
}
