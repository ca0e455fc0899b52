package remote

import (
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// Conn is a connection to the process that has the database. It implements command.Peer.
//
// It is a bare descriptor: package net would start the runtime's poller, which costs a run
// of two milliseconds more than all else here.
type Conn struct {
	fd      int
	replies *wire.ReplyReader
	out     []byte // requests that have not been sent
	ahead   []byte // what was read while the server took no more requests
	open    int    // requests without an answer
	begun   bool   // a part of them may have been read by the server
	gone    bool   // the server takes nothing any more
	reply   wire.Reply

	messages bool // PeerOptions.Messages

	interrupted atomic.Bool
	patience    time.Time // when an interrupted Receive gives up; zero: it was not interrupted
}

const (
	// look is how often whoever waits for the server looks whether it is interrupted.
	look = 100 * time.Millisecond
	// grace is how long the server has for its answers after an interrupt.
	grace = time.Second
	// keep is how much memory in bytes is kept for the next requests.
	keep = 1 << 20
)

// Send adds a request to those that the next Receive sends.
func (c *Conn) Send(args [][]byte) {
	c.out = wire.AppendRequest(c.out, args)
	c.open++
}

// Receive sends what is to be sent and returns the next reply, which is valid until the next
// call. Errors: command.ErrLeft if the server is gone and has run none of the requests that
// it has not answered; any other means that this is not known.
func (c *Conn) Receive() (*wire.Reply, error) {
	reply, err := c.receive()
	switch {
	case c.messages: // nothing depends on which request was answered
		c.reply = reply
		return &c.reply, err
	case err == nil:
	case err == command.ErrLeft, !c.begun:
		return nil, command.ErrLeft
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	default:
		return nil, err
	}
	c.reply = reply
	if c.open--; c.open == 0 {
		c.begun = false
	}
	return &c.reply, nil
}

func (c *Conn) receive() (wire.Reply, error) {
	if err := c.flush(); err != nil {
		return wire.Reply{}, err
	}
	for {
		reply, err := c.replies.Read()
		if err != nil || reply.Kind != wire.KindPush {
			return reply, err
		}
		if len(reply.Elems) > 0 && string(reply.Elems[0].Str) == "leave" {
			return reply, command.ErrLeft
		}
		if c.messages {
			return reply, nil
		}
	}
}

// flush sends all requests. While the server does not take them it may be waiting for us to
// take its replies.
func (c *Conn) flush() error {
	out := c.out
	for len(out) > 0 && !c.gone {
		n, err := unix.SendmsgN(c.fd, out, nil, nil, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			c.begun = true
			out = out[n:]
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := c.waitToSend(); err != nil {
				return err
			}
		default: // it has closed the connection: what it said before comes first
			c.gone = true
		}
	}
	if cap(c.out) > keep {
		c.out = nil
	}
	c.out = c.out[:0]
	return nil
}

// waitToSend returns when more can be sent, and reads what comes meanwhile.
func (c *Conn) waitToSend() error {
	if err := c.interruption(); err != nil {
		return err
	}
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN | unix.POLLOUT}}
	if _, err := unix.Poll(fds, int(look/time.Millisecond)); err != nil && err != unix.EINTR {
		return err
	}
	if fds[0].Revents&unix.POLLIN == 0 {
		return nil
	}
	var chunk [32 << 10]byte
	n, err := unix.Read(c.fd, chunk[:])
	if err != nil && err != unix.EAGAIN && err != unix.EINTR || n == 0 {
		c.gone = true
	}
	c.ahead = append(c.ahead, chunk[:max(n, 0)]...)
	return nil
}

// Read is what the reader of replies reads from.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	for {
		n, err := unix.Read(c.fd, p) // for at most the time look
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err != unix.EAGAIN && err != unix.EINTR:
			return 0, err
		}
		if err := c.interruption(); err != nil {
			return 0, err
		}
	}
}

// Interrupt makes Receive give up when the server does not answer within a second: a group
// of short commands still ends as it should. It may be called from any goroutine.
func (c *Conn) Interrupt() { c.interrupted.Store(true) }

// ClearInterrupt forgets an interrupt that has ended nothing.
func (c *Conn) ClearInterrupt() {
	c.interrupted.Store(false)
	c.patience = time.Time{}
}

// interruption is command.ErrInterrupted when an interrupt has ended the wait.
func (c *Conn) interruption() error {
	switch {
	case !c.interrupted.Load():
		return nil
	case c.messages:
		return command.ErrInterrupted
	case c.patience.IsZero():
		c.patience = time.Now().Add(grace)
	case time.Now().After(c.patience):
		return command.ErrInterrupted
	}
	return nil
}

// Close closes the connection, which ends a command that is under way there.
func (c *Conn) Close() { unix.Close(c.fd) }
