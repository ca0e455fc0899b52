package server

import (
	"runtime"
	"sync"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

const (
	// turnOutput is how many bytes of replies a turn gathers before it writes them.
	turnOutput = 1 << 20
	// keepOutput is how much memory the loop keeps for the replies of the next turn, in bytes.
	keepOutput = 4 << 20
	// sweepEvery is how often the deadlines of all connections are looked at.
	sweepEvery = time.Second
	// acceptPause is how long no connection is accepted after that has failed, as it does
	// when there are no descriptors left.
	acceptPause = 100 * time.Millisecond
	// yieldEvery is how often the loop goes through Go's scheduler. A goroutine that has not
	// for 10 ms is taken for one that keeps others from running: the runtime's monitor signals
	// it, takes its processor away and then looks again every 20 us, which cost 2 % of the
	// processor time under load.
	yieldEvery = 5 * time.Millisecond
	// drainPause is how often a server that stops looks whether its replies were delivered.
	drainPause = 10 * time.Millisecond
)

// loop serves all connections in one goroutine. It goes round in turns: it reads from
// every connection that is ready, once, and runs the commands that are complete; hands
// what they wrote to the kernel, or to stable storage, together; and only then writes
// their replies, each connection's with one call.
//
// Everything but the mailbox belongs to its goroutine.
type loop struct {
	server    *Server
	poll      *poller
	listeners map[int]*listener // by descriptor
	conns     []*conn           // by descriptor, nil where there is none
	count     int               // of connections
	now       time.Time         // of this turn

	out    []byte           // the replies of this turn
	turn   []*conn          // that have a part of out, or are to be closed
	again  []*conn          // that have commands to run which have been read already, or more to read
	free   []*wire.Reader   // that no connection needs
	ran    bool             // commands in this turn
	group  *command.Session // that has the group of this turn; nil: nobody
	broken error            // the group of this turn could not be committed
	sync   bool             // one of them wants to be on stable storage before its reply

	yielded  time.Time // when the scheduler was called
	swept    time.Time // when deadlines were looked at
	paused   time.Time // accepting is, until then; zero: it is not
	draining bool      // nothing is accepted or read any more
	drainBy  time.Time // when that ends at the latest

	mailbox
}

// mailbox holds the connections that other goroutines have news of for the loop.
type mailbox struct {
	mu      sync.Mutex
	mail    []*conn   // guarded by mu
	arrived []arrival // guarded by mu
	asleep  bool      // the loop waits for events, or is about to; guarded by mu
	halt    bool      // the loop is to drain its connections and end; guarded by mu
	spare   []*conn   // the memory of the mail that was dealt with; the loop's
}

// post tells the loop, from any goroutine, that there is news of a connection.
func (l *loop) post(c *conn) {
	l.mu.Lock()
	l.mail = append(l.mail, c)
	l.rouse()
}

// arrival is a connection that another goroutine has accepted.
type arrival struct {
	fd   int
	in   *listener
	addr string
}

// bring makes the loop serve a connection, from any goroutine.
func (l *loop) bring(a arrival) {
	l.mu.Lock()
	l.arrived = append(l.arrived, a)
	l.rouse()
}

// welcome adds the connections that were brought.
func (l *loop) welcome() {
	l.mu.Lock()
	arrived := l.arrived
	l.arrived = nil
	l.mu.Unlock()
	for _, a := range arrived {
		l.add(a.fd, a.in, a.addr)
	}
}

// stop makes the loop drain its connections and end, from any goroutine.
func (l *loop) stop() {
	l.mu.Lock()
	l.halt = true
	l.rouse()
}

// rouse unlocks the mailbox and ends the loop's sleep.
func (l *loop) rouse() {
	asleep := l.asleep
	l.asleep = false
	l.mu.Unlock()
	if asleep {
		l.poll.wake()
	}
}

// run serves until stop, and then what was read; it ends at the latest drainTime later.
func (l *loop) run() {
	for {
		events, err := l.poll.wait(l.patience())
		if err != nil {
			l.server.fail(err)
			return
		}
		l.mu.Lock()
		l.asleep = false
		halt, arrived := l.halt, len(l.arrived) > 0
		l.mu.Unlock()
		l.now = time.Now()
		if arrived {
			l.welcome()
		}
		for _, e := range events {
			l.handle(e)
		}
		l.resume()
		l.endTurn()
		l.readMail()
		l.tick()
		if halt && l.drained() {
			return
		}
	}
}

// patience is how long the loop may sleep: not while there is something to do.
func (l *loop) patience() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.again) > 0 || len(l.mail) > 0 || len(l.arrived) > 0 || l.halt && !l.draining:
		return 0
	case l.draining:
		l.asleep = true
		return drainPause
	case !l.paused.IsZero():
		l.asleep = true
		return acceptPause
	case l.count > 0:
		l.asleep = true
		return sweepEvery
	}
	l.asleep = true
	return -1
}

// handle deals with one event.
func (l *loop) handle(e event) {
	if in := l.listeners[e.fd]; in != nil {
		l.accept(in)
		return
	}
	if e.fd >= len(l.conns) || l.conns[e.fd] == nil {
		return // closed in this turn
	}
	c := l.conns[e.fd]
	if e.ready&hangup != 0 && (c.busy || c.watched&readable == 0) {
		c.gone()
		return
	}
	if e.ready&writable != 0 {
		c.flush()
	}
	if e.ready&(readable|hangup) != 0 && c.watched&readable != 0 {
		c.input = true
		c.ended = e.ready&hangup != 0
		l.serve(c)
	}
}

// resume serves the connections that need no event for that.
func (l *loop) resume() {
	n := len(l.again)
	for _, c := range l.again[:n] {
		c.queued = false
		if !c.closed && !c.busy {
			l.serve(c)
		}
	}
	l.again = l.again[:copy(l.again, l.again[n:])]
}

// serve runs the commands of a connection that are complete, after reading once if there
// may be something to read.
func (l *loop) serve(c *conn) {
	if c.inTurn { // a part of out is one piece
		l.endTurn()
		if c.closed || c.busy {
			return
		}
	}
	if c.reader == nil {
		c.reader = l.borrow(c)
	}
	c.mayRead = c.input && !l.draining
	c.from = len(l.out)
	c.run()
	c.to = len(l.out)
	if c.to > c.from || c.closing {
		c.inTurn = true
		l.turn = append(l.turn, c)
	}
	if !c.busy {
		l.giveBack(c)
	}
	c.watch()
	if c.input && c.watched&readable != 0 {
		l.runAgain(c)
	}
	if len(l.out) > turnOutput {
		l.endTurn()
	}
}

// borrow returns a Reader for a connection that has sent something.
func (l *loop) borrow(c *conn) *wire.Reader {
	var r *wire.Reader
	if n := len(l.free); n > 0 {
		r = l.free[n-1]
		l.free = l.free[:n-1]
		r.Reset(c)
	} else {
		r = wire.NewReader(c, wire.SocketGrammar)
	}
	r.Limits = c.limits()
	return r
}

// maxFree is how many Readers are kept for connections to come.
const maxFree = 64

// giveBack takes the Reader of a connection that is between two commands. Of one that
// is not, it leaves the part that has been read, so that idle and slow connections take
// little memory.
func (l *loop) giveBack(c *conn) {
	switch {
	case c.reader == nil || c.more:
	case !c.reader.Idle():
		c.reader.Compact()
	default:
		if len(l.free) < maxFree {
			l.free = append(l.free, c.reader)
		}
		c.reader = nil
	}
}

// endTurn makes what the commands of this turn did as safe as it has to be, then
// writes their replies. If that fails the replies may not be true, and are dropped.
func (l *loop) endTurn() {
	l.endGroup()
	if l.ran {
		err := l.broken
		if err == nil {
			err = l.server.harden(l.sync)
		}
		if err != nil {
			l.server.fail(err)
			for _, c := range l.turn {
				c.from, c.closing = c.to, true
			}
		}
		l.ran, l.sync = false, false
	}
	for i, c := range l.turn {
		l.turn[i] = nil
		c.inTurn = false
		c.send(l.out[c.from:c.to])
	}
	l.turn = l.turn[:0]
	if cap(l.out) > keepOutput {
		l.out = nil
	}
	l.out = l.out[:0]
}

// readMail deals with what other goroutines have left for connections.
func (l *loop) readMail() {
	l.mu.Lock()
	mail := l.mail
	l.mail = l.spare[:0]
	l.mu.Unlock()
	for i, c := range mail {
		mail[i] = nil
		if !c.closed {
			c.readMail()
		}
	}
	l.spare = mail
}

// tick does what is due now and then.
func (l *loop) tick() {
	if l.now.Sub(l.yielded) >= yieldEvery {
		l.yielded = l.now
		runtime.Gosched()
	}
	if !l.paused.IsZero() && l.now.After(l.paused) {
		l.paused = time.Time{}
		l.watchListeners(readable)
	}
	if l.now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = l.now
	for _, c := range l.conns {
		if c != nil {
			c.sweep()
		}
	}
}

// runAgain makes the loop run the commands of a connection that have been read, and read on.
func (l *loop) runAgain(c *conn) {
	if !c.queued {
		c.queued = true
		l.again = append(l.again, c)
	}
}
