package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// send writes the replies of a turn. What the client does not take at once is kept.
func (c *conn) send(replies []byte) {
	if c.closed || c.lost {
		return
	}
	if len(replies) > 0 && c.sent == len(c.out) {
		n := c.write(replies)
		replies = replies[n:]
	}
	if len(replies) > 0 && !c.closed && !c.lost {
		c.out = append(c.out, replies...)
	}
	c.settle()
}

// flush writes what the client has not taken yet.
func (c *conn) flush() {
	if c.closed || c.lost {
		return
	}
	if n := c.write(c.out[c.sent:]); !c.closed && !c.lost {
		c.sent += n
	}
	c.settle()
}

// settle does what the state of the output allows: it closes the connection, or goes on
// with the commands that had to wait.
func (c *conn) settle() {
	if c.closed || c.lost {
		return
	}
	if c.sent == len(c.out) {
		c.out, c.sent = nil, 0
		if c.closing && !c.busy {
			c.close()
			return
		}
	}
	if c.more && !c.busy && !c.closing && c.unread() <= maxUnread {
		c.loop.runAgain(c)
	}
	c.watch()
}

// write writes as much as the client takes and returns how much that was. A client that
// is gone is dropped.
func (c *conn) write(p []byte) (written int) {
	for written < len(p) {
		n, err := write(c.fd, p[written:])
		switch {
		case n > 0:
			written += n
			c.progress = c.loop.now
			if written < len(p) {
				return written // the next write would say EAGAIN
			}
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return written
		default:
			c.drop()
			return written
		}
	}
	return written
}

// watch makes the poller watch for what the connection waits for.
func (c *conn) watch() {
	if c.closed || c.lost {
		return
	}
	var want interest
	if !c.busy && !c.more && !c.closing && !c.loop.draining {
		want = readable | edge
	}
	if c.unread() > 0 {
		want |= writable
	}
	if c.busy && c.local {
		want |= hangup // the client that closes its connection interrupts the command
	}
	if want == c.watched {
		return
	}
	if err := c.loop.poll.change(c.fd, c.watched, want); err != nil {
		c.loop.server.log.Error("a connection cannot be watched", "client", c.addr, "error", err)
		c.drop()
		return
	}
	c.watched = want
}

// gone deals with a client that has closed the connection while nothing is read from it.
func (c *conn) gone() {
	if !c.busy {
		c.close()
		return
	}
	if c.lost {
		return
	}
	c.session.Interrupt()
	c.lost = true
	c.out, c.sent = nil, 0
	c.loop.poll.remove(c.fd, c.watched)
	c.watched = 0
}

// close ends the connection. The descriptor is free for others at once.
func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	l := c.loop
	l.conns[c.fd] = nil
	l.count--
	unix.Close(c.fd)
	if l.group == c.session {
		l.endGroup()
	}
	c.session.Close()
	c.more = false
	c.out, c.sent, c.reader = nil, 0, nil
}

// sweep drops a client whose time is up: one that has not sent anything for the idle
// timeout, or has not taken anything of what waits for it for the write timeout.
func (c *conn) sweep() {
	cfg := &c.loop.server.cfg
	now := c.loop.now
	switch {
	case c.unread() > 0 && now.Sub(c.progress) > cfg.WriteTimeout:
		c.loop.server.log.Warn("a client that does not read was dropped", "client", c.addr, "unread", c.unread())
		c.drop()
	case c.idle(now):
		c.drop()
	}
}

// idle tells whether the client has sent nothing for longer than it may.
func (c *conn) idle(now time.Time) bool {
	if c.busy || c.local || c.session.Subscribed() {
		return false
	}
	timeout := c.loop.server.instance.Timeout()
	return timeout > 0 && now.Sub(c.active) > timeout
}

// drop closes the connection without waiting for the client.
func (c *conn) drop() {
	if c.busy {
		c.gone()
		return
	}
	c.close()
}
