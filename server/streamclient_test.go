package server

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/wire"
)

// ours and theirs are the two sides of a stream.
const (
	ours = iota
	theirs
	sides
)

// streamClient is the same client on both sides, and what is known of its state.
type streamClient struct {
	peers  [sides]*peer
	mute   mute
	multi  bool     // between MULTI and EXEC
	queued []string // the names of the commands there
	watch  bool     // may watch keys
	listen bool     // may have subscriptions

	monitor bool
	refused string // the last error, if it is what most commands answer now
}

// mute is which replies the client does not get, by CLIENT REPLY.
type mute uint8

const (
	heard mute = iota
	muted
	skipNext
)

// peer is a client on one side.
type peer struct {
	conn   *net.UnixConn
	raw    syscall.RawConn
	id     string // of CLIENT ID
	in     []byte // what has come and was not compared yet
	closed bool   // by the server
	last   []string
}

func newPeer(t testing.TB, socket string) *peer {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &peer{conn: conn, raw: raw}
}

// send writes a command. A connection that is closed shows when it is read from.
func (p *peer) send(words []string) {
	p.last = words
	p.conn.Write(wire.AppendRequest(nil, redistest.Bytes(words)))
}

// await reads until there is a reply, which is not one of the messages that may come before
// it, or the end. messages: a message is the reply.
func (p *peer) await(t testing.TB, messages bool) {
	t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 64<<10)
	for from := 0; ; {
		for n := replyLength(p.in[from:]); n > 0; n = replyLength(p.in[from:]) {
			if messages || p.in[from] != '>' && !isMonitorLine(p.in[from:from+n]) {
				return
			}
			from += n
		}
		n, err := p.conn.Read(buf)
		p.in = append(p.in, buf[:n]...)
		switch {
		case err == nil:
		case err == io.EOF || isReset(err):
			p.closed = true
			return
		default:
			t.Fatalf("%v: %q: after %q", err, p.last, p.in[max(0, len(p.in)-200):])
		}
	}
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe")
}

// drain reads what has come.
func (p *peer) drain(buf []byte) {
	for !p.closed {
		var n int
		var err error
		if e := p.raw.Read(func(fd uintptr) bool { n, err = unix.Read(int(fd), buf); return true }); e != nil {
			err = e
		}
		switch {
		case n > 0:
			p.in = append(p.in, buf[:n]...)
		case err == unix.EAGAIN:
			return
		case err != unix.EINTR:
			p.closed = true
		}
	}
}

// replyLength is the length of the first reply in b, 0 if it is not complete.
func replyLength(b []byte) int {
	end := bytes.IndexByte(b, '\n') + 1
	if end == 0 || !strings.ContainsRune("$=*%~>", rune(b[0])) {
		return end
	}
	n, _ := strconv.Atoi(string(b[1 : end-2]))
	switch {
	case n < 0:
		return end
	case b[0] == '$' || b[0] == '=':
		if end += n + 2; end > len(b) {
			return 0
		}
		return end
	case b[0] == '%':
		n *= 2
	}
	for ; n > 0; n-- {
		length := replyLength(b[end:])
		if length == 0 {
			return 0
		}
		end += length
	}
	return end
}

// isMonitorLine tells whether a reply is a line of MONITOR: +1700000000.000000 [0 ...] ...
func isMonitorLine(reply []byte) bool {
	return len(reply) > 20 && reply[0] == '+' && reply[11] == '.' && reply[19] == '['
}

// pair is the two servers, and a connection to each that nothing else uses.
type pair struct {
	t       testing.TB
	sockets [sides]string
	control [sides]*peer
	buf     []byte
}

func newPair(t testing.TB, flags ...string) *pair {
	socket := redistest.ShortDir(t) + "/ours"
	start(t, func(c *Config) { c.TCP, c.UnixSocket = false, socket })
	p := &pair{t: t, sockets: [sides]string{socket, redistest.Start(t, flags...)}, buf: make([]byte, 64<<10)}
	for side := range p.control {
		p.control[side] = newPeer(t, p.sockets[side])
	}
	t.Cleanup(func() {
		for _, c := range p.control {
			c.conn.Close()
		}
	})
	return p
}

// marker is a word in all that the control connections say, which MONITOR shows.
const marker = "marker-of-the-stream"

// settle waits until both servers have written all that comes of what they have answered: a
// server that has answered twice has gone through its clients in between.
func (p *pair) settle() {
	p.t.Helper()
	for side := range p.control {
		p.ask(side, "PING", marker)
		p.ask(side, "PING", marker)
	}
}

// ask sends a command on the control connection, which a CLIENT KILL may have hit.
func (p *pair) ask(side int, words ...string) []byte {
	p.t.Helper()
	c := p.control[side]
	c.send(words)
	c.await(p.t, true)
	if c.closed {
		c.conn.Close()
		c = newPeer(p.t, p.sockets[side])
		p.control[side] = c
		for _, words := range [][]string{{"AUTH", "default", password}, words} {
			c.in = nil
			c.send(words)
			c.await(p.t, true)
		}
	}
	reply := c.in
	c.in = nil
	return reply
}
