package server

import (
	"net"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
)

// startSession gives the connection a session, in the place of the one that it has.
func (c *conn) startSession(readOnly bool) {
	if c.session != nil {
		c.loop.endGroup()
		c.session.Close()
	}
	s := c.loop.server
	o := command.Options{
		ReadOnly: readOnly, Local: c.local,
		Report: func(fault string) { s.log.Error("damage found", "fault", fault) },
		Addr:   c.addr, LocalAddr: c.localAddr, FD: c.fd,
		Push: c.push, Kill: c.kill,
	}
	if c.forward != nil && !c.forward.stream {
		o.Push = nil
	}
	c.session = s.instance.NewSession(o)
}

// enter makes the commands to come, of session s, a part of the group of this turn.
func (l *loop) enter(s *command.Session) {
	switch {
	case l.group == nil:
		s.Begin()
	case l.group != s:
		s.Follow(l.group)
	}
	l.group = s
}

// endGroup commits the group of this turn. If that fails the replies of the turn are void.
func (l *loop) endGroup() {
	if l.group == nil {
		return
	}
	if err := l.group.End(); err != nil && l.broken == nil {
		l.broken = err
	}
	l.group = nil
}

// abandon undoes the group of this turn after a fault of memory, and makes its replies void.
func (l *loop) abandon(fault error) {
	if l.group != nil {
		l.group.Rollback()
		l.group = nil
	}
	l.broken = fault
}

// addressOf is how an address of the system is shown; unnamed is that of a unix socket.
func addressOf(addr unix.Sockaddr, unnamed string) string {
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	case *unix.SockaddrInet6:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	}
	return unnamed + ":0"
}
