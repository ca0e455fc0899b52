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
		c.endGroup()
		c.session.Close()
	}
	s := c.loop.server
	c.session = s.instance.NewSession(command.Options{
		ReadOnly: readOnly, Local: c.local,
		Report: func(fault string) { s.log.Error("damage found", "fault", fault) },
		Addr:   c.addr, LocalAddr: c.localAddr, FD: c.fd,
		Push: c.push, Kill: c.kill,
	})
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
