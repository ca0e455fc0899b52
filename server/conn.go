package server

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// conn is one connection. But for what mu guards it belongs to the loop, and while busy
// its session belongs to the goroutine that runs a command beside the loop.
type conn struct {
	loop      *loop
	fd        int
	addr      string // of the client
	localAddr string
	local     bool // over the socket in the database's directory
	tcp       bool // the client is at the other end of the descriptor, over TCP
	session   *command.Session
	forward   *forward     // what the forwarding protocol keeps; nil unless local
	reader    *wire.Reader // nil while nothing of a command has been read
	form      form         // of the reply to the command under way

	watched interest // what the poller watches
	input   bool     // the kernel may have something to read
	ended   bool     // and behind that, the end
	mayRead bool     // Read may read, once
	guest   bool     // has not logged in: the reader has the limits for that
	more    bool     // the reader may hold commands that wait
	queued  bool     // in loop.again
	busy    bool     // a command runs beside the loop
	lost    bool     // the client has gone while busy
	closing bool     // to be closed when out is written
	closed  bool

	syncAlways bool // nothing is answered before it is on stable storage

	inTurn   bool
	from, to int       // its part of loop.out in this turn
	out      []byte    // replies that the client has not taken yet
	sent     int       // so much of out has been
	active   time.Time // when it last sent something
	progress time.Time // when it last took something of out

	news    atomic.Bool   // pushed, done or killed has changed
	shared  atomic.Uint32 // form, for push
	mu      sync.Mutex
	pushed  []byte // replies and messages that other goroutines have for the client; guarded by mu
	done    bool   // the command beside the loop has ended; guarded by mu
	undone  bool   // it was interrupted because the server leaves, and is not answered; guarded by mu
	killed  bool   // by CLIENT KILL; guarded by mu
	flooded bool   // pushed grew beyond maxPushed: the client is to be dropped; guarded by mu
}

const (
	// maxUnread is how many bytes of replies may wait for a client to take them before
	// no more of its commands are run and nothing more is read from it.
	maxUnread = 1 << 20
	// maxPushed is how many bytes of messages that it did not ask for may wait for a
	// client before it is dropped, as Redis does with those who subscribe.
	maxPushed = 32 << 20
)

// The limits before a client has logged in, as in Redis.
const (
	guestArgs    = 10
	guestArg     = 16 << 10
	guestCommand = 1 << 20
)

// Read errors for a Reader. It keeps the part of a command that it has.
var (
	errDrained = errors.New("nothing to read now")
	errClosed  = errors.New("the client has closed the connection")
)

// Read is what the Reader of the connection reads from: at most once in each turn.
func (c *conn) Read(p []byte) (int, error) {
	if !c.mayRead {
		return 0, errDrained
	}
	c.mayRead = false
	n, err := read(c.fd, p)
	c.input = n == len(p) || n > 0 && c.ended
	switch {
	case n > 0:
		c.active = c.loop.now
		return n, nil
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, errDrained
	}
	return 0, errClosed
}

// limits are those of a command in the state that the session is in.
func (c *conn) limits() wire.Limits {
	l := wire.DefaultLimits()
	if c.forward == nil {
		most := c.loop.server.cfg.MaxRequest
		l.MaxCommand = int(min(int64(l.MaxCommand), most))
		l.MaxArg = int(min(int64(l.MaxArg), most))
	}
	if c.guest = !c.session.Authenticated(); c.guest {
		l.MaxArgs, l.MaxArg, l.MaxCommand = guestArgs, min(l.MaxArg, guestArg), min(l.MaxCommand, guestCommand)
	}
	return l
}

// run runs the commands that have been read, as one group, until none is complete, the
// client has too much to take, or one runs beside the loop.
func (c *conn) run() {
	defer func() {
		if fault := engine.Fault(recover()); fault != nil {
			c.loop.abandon(fault)
		}
	}()
	c.more = false
	c.loop.enter(c.session)
	for ahead := 0; ; ahead-- {
		if len(c.loop.out)-c.from+c.unread() > maxUnread {
			c.more = true
			break
		}
		c.reader.Await()
		if ahead <= 0 && c.session.Authenticated() {
			if ahead = c.reader.Ahead(); ahead > 1 && !c.session.Prefetch(ahead, c.reader.Peek) {
				ahead = 1
			}
		}
		cmd, err := c.reader.Next()
		if err != nil {
			c.fault(err)
			break
		}
		if !c.execute(cmd) {
			break
		}
	}
}

// unread is how many bytes of replies of earlier turns wait for the client.
func (c *conn) unread() int { return len(c.out) - c.sent }

// execute runs one command, or starts it beside the loop. It returns false if no other
// can be run now.
func (c *conn) execute(cmd *wire.Command) bool {
	c.setForm(c.formOf(cmd.CRLF))
	spec := c.session.Find(cmd.Args)
	switch {
	case spec == nil && isHTTP(cmd.Args[0]):
		c.loop.server.log.Warn("a client that speaks HTTP was dropped", "client", c.addr)
		c.closing, c.out, c.sent = true, nil, 0
		c.loop.out = c.loop.out[:c.from]
		return false
	case c.forward != nil && !c.forward.admit(c, cmd):
		return !c.busy && !c.closing
	case c.session.MayWait(spec):
		c.runBeside(func() { c.deliver(c.session.Do(cmd.Args)) })
		return false
	}
	c.loop.ran = true
	c.loop.sync = c.loop.sync || c.syncAlways
	reply := c.session.Run(spec, cmd.Args)
	if c.news.Load() { // what it sent itself comes before its reply, as in Redis
		c.takePushed()
	}
	c.reply(reply)
	if c.guest && c.session.Authenticated() {
		c.reader.Limits = c.limits()
	}
	return !c.closing
}

// reply appends the reply to a command to the output of this turn.
func (c *conn) reply(r *wire.Reply) {
	if !c.session.Silent() {
		c.setForm(c.formOf(c.form&lfOnly == 0)) // HELLO may have changed it
		c.loop.out = c.form.append(c.loop.out, r)
	}
	if c.forward != nil {
		c.forward.answered++
	}
	if c.session.Quit() {
		c.closing = true
	}
}

// fault deals with what the Reader returns instead of a command.
func (c *conn) fault(err error) {
	switch e := err.(type) {
	case *wire.SyntaxError:
		text := e.RedisError()
		if !c.session.Authenticated() {
			text = strings.Replace(text, "invalid", "unauthenticated", 1)
		}
		reply := wire.Error("ERR " + text)
		c.loop.out = c.formOf(e.CRLF).append(c.loop.out, &reply)
		c.closing = true
	default:
		c.closing = err != errDrained
	}
}

// isHTTP tells whether a word is how requests of HTTP begin, which a web page may make
// a browser send. Redis drops such clients, too.
func isHTTP(word []byte) bool {
	return len(word) == 4 && strings.EqualFold(string(word), "POST") || len(word) == 5 && strings.EqualFold(string(word), "Host:")
}

// setForm makes form that of the reply to come and of what is pushed from now on.
func (c *conn) setForm(f form) {
	if f != c.form {
		c.form = f
		c.shared.Store(uint32(f))
	}
}

// form is how replies to a client are written.
type form uint8

const (
	resp3  form = 1 << iota // RESP3, else RESP2
	lfOnly                  // lines end in LF, else in CR LF
)

// formOf is the form of a reply to a command whose line ended in CR LF or not.
func (c *conn) formOf(crlf bool) (f form) {
	if c.forward != nil || c.session.Protocol() == 3 {
		f = resp3
	}
	if !crlf {
		f |= lfOnly
	}
	return f
}

func (f form) append(dst []byte, r *wire.Reply) []byte {
	switch f {
	case 0:
		return wire.AppendRESP2(dst, r)
	case resp3:
		return wire.AppendRESP3(dst, r)
	case lfOnly:
		return wire.AppendLF2(dst, r)
	}
	return wire.AppendLF3(dst, r)
}
