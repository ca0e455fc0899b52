package command

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// forwarding is what a Database keeps while its commands run in another process: enough to
// go on elsewhere when that leaves, as if nothing had happened.
type forwarding struct {
	mu     sync.Mutex // guards changes of peer and stream against Interrupt, which comes from another goroutine
	peer   Peer       // nil: commands run here
	stream Peer       // of Follow

	sent     requests // without a reply, from answered on
	answered int
	tx       requests // MULTI and what was queued since
	inMulti  bool
	watching bool
	changed  bool // a server has left while keys were watched: the next EXEC runs nothing
	spoiled  bool // a command was refused here: the next EXEC fails
	queued   int  // in an atomic run: commands of which QUEUED has not been received
}

// maxHello is how long a server may take for its first answer.
const maxHello = time.Second

// giveUp is asked while the engine waits for the lock: it ends the wait when it was
// interrupted, or when the process that has the database takes commands.
func (d *Database) giveUp() bool {
	if d.session.interrupted() {
		return true
	}
	if d.opt.Connect == nil {
		return false
	}
	peer := d.opt.Connect(d.peerOptions())
	d.setPeer(peer)
	return peer != nil
}

func (d *Database) peerOptions() PeerOptions {
	o := &d.opt.Engine
	wait := min(maxHello, max(o.LockTimeout, letGoAfter))
	return PeerOptions{Dir: d.opt.Path, ReadOnly: o.ReadOnly, Sync: d.opt.Sync, Owner: o.Owner, Wait: wait}
}

func (d *Database) setPeer(peer Peer) {
	f := &d.forwarding
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peer = peer
}

// connected begins to work with a peer, in the place of an engine that has no database yet.
func (d *Database) connected() error {
	if d.db != nil {
		d.db.Close()
		d.detach()
	}
	d.exists = true
	d.hold.begin(time.Now())
	if !d.atomic.wanted {
		return nil
	}
	r, err := d.ask("NUBDB", "ATOMIC")
	if err != nil {
		d.disconnect()
		return d.Open()
	}
	return replyErr(r)
}

// disconnect ends the work with a peer. What was sent to it is forgotten.
func (d *Database) disconnect() {
	if f := &d.forwarding; f.peer != nil {
		f.peer.Close()
		d.setPeer(nil)
		f.sent, f.answered, f.queued = requests{}, 0, 0
		f.tx, f.inMulti, f.watching, f.spoiled = requests{}, false, false, false
	}
}

// ask sends a request of our own to the peer and returns the reply.
func (d *Database) ask(words ...string) (*wire.Reply, error) {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	d.forwarding.peer.Send(args)
	return d.forwarding.peer.Receive()
}

// replyErr is the error that a reply is.
func replyErr(r *wire.Reply) error {
	if r.IsError() {
		return replyError(r.Str)
	}
	return nil
}

var discardWords = [][]byte{[]byte("DISCARD")}

// forward sends a command. In an atomic run its reply comes with Commit, otherwise with
// collect.
func (d *Database) forward(spec *Spec, c *wire.Command) error {
	f := &d.forwarding
	r := f.sent.add(spec, c)
	if spec != nil && spec.Has(TakesPath) {
		makeAbsolute(r.command.Args)
	}
	if (f.changed || f.spoiled) && spec != nil && spec.Has(EndsMulti) {
		r.instead = wire.NilArray
		if f.spoiled {
			r.instead = errorReply(errExecAbort)
		}
		f.peer.Send(discardWords)
	} else {
		f.peer.Send(r.command.Args)
	}
	switch {
	case d.atomic.wanted:
		if f.queued++; f.queued >= maxQueued {
			return d.receiveQueued()
		}
	case d.opt.OneByOne:
		return d.collect()
	}
	return nil
}

// makeAbsolute writes the last word, a path, as one that another process understands as this
// one does.
func makeAbsolute(args [][]byte) {
	last := &args[len(args)-1]
	if len(args) == 1 || len(*last) == 0 {
		return
	}
	if path, err := filepath.Abs(string(*last)); err == nil {
		*last = []byte(path)
	}
}

// collect receives the replies to what was sent, in an atomic run excepted.
func (d *Database) collect() error {
	f := &d.forwarding
	for f.peer != nil && !d.atomic.wanted && f.answered < len(f.sent.list) {
		r, err := f.peer.Receive()
		switch {
		case err == ErrInterrupted && f.onlyReads():
			d.disconnect()
			err = errInterrupted
		case err == ErrLeft, err != nil && f.onlyReads():
			err = d.takeOver()
		case err != nil:
			err = d.unknown(err)
		default:
			d.answer(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answer gives the oldest command without a reply its own.
func (d *Database) answer(r *wire.Reply) {
	f := &d.forwarding
	q := &f.sent.list[f.answered]
	if q.spec != nil && q.spec.Has(EndsMulti) && r.Kind == wire.KindNil {
		r.Kind = wire.KindNilArray // RESP3 has only one kind of nil
	}
	if q.instead.Kind != wire.KindNone && !r.IsError() {
		r = &q.instead
	}
	f.track(q, r)
	d.deliver(&q.command, r)
	if f.answered++; f.answered == len(f.sent.list) {
		f.sent.reset()
		f.answered = 0
	}
}

// track follows the state that the session at the other end is in.
func (f *forwarding) track(q *request, r *wire.Reply) {
	name := ""
	if q.spec != nil {
		name = q.spec.Name
	}
	ok := !r.IsError()
	switch {
	case name == "EXEC", name == "DISCARD" && ok, name == "RESET":
		f.tx.reset()
		f.inMulti, f.watching, f.changed, f.spoiled = false, false, false, false
	case name == "MULTI" && ok:
		f.tx.add(q.spec, &q.command)
		f.inMulti = true
	case f.inMulti: // also what was refused: it makes the EXEC fail
		f.tx.add(q.spec, &q.command)
	case name == "WATCH" && ok:
		f.watching = true
	case name == "UNWATCH":
		f.watching, f.changed = false, false
	}
}

// onlyReads tells whether what has no reply can as well be run again.
func (f *forwarding) onlyReads() bool {
	for i := range f.sent.list[f.answered:] {
		spec := f.sent.list[f.answered+i].spec
		if spec == nil || !spec.Has(Read) || spec.Has(Write) {
			return false
		}
	}
	return true
}

// unknown ends the work with a peer that is lost. What it has not answered is in doubt.
func (d *Database) unknown(cause error) error {
	f := &d.forwarding
	open := f.sent.list[f.answered:]
	err := &UnknownOutcome{Cause: cause}
	if len(open) > 0 {
		err.First, err.Last = open[0].command.Line, open[len(open)-1].command.Line
	}
	d.disconnect()
	f.changed = false
	return err
}

// takeOver goes on with what the peer that has left has not run: here, or in the process that
// has the database now. Each command runs exactly once.
func (d *Database) takeOver() error {
	f := &d.forwarding
	rest, tx, changed := f.sent.list[f.answered:], f.tx.list, f.watching || f.changed
	d.disconnect()
	f.changed = changed
	if err := d.Open(); err != nil {
		return err
	}
	if f.peer == nil && changed {
		d.session.watched.dirty, f.changed = true, false
	}
	if err := d.replay(tx, func(*wire.Command, *wire.Reply) {}); err != nil {
		return err
	}
	return d.replay(rest, d.deliver)
}

// replay runs commands that were sent before, and gives their replies to deliver. An atomic
// run ends at the first that fails.
func (d *Database) replay(list []request, deliver func(*wire.Command, *wire.Reply)) error {
	former := d.deliver
	defer func() { d.deliver = former }()
	d.deliver = func(c *wire.Command, r *wire.Reply) {
		d.atomic.failed = d.atomic.failed || d.atomic.wanted && failed(r)
		deliver(c, r)
	}
	for i := range list {
		if err := d.Do(list[i].spec, &list[i].command); err != nil || d.atomic.failed {
			return err
		}
	}
	return d.collect()
}

// failed tells whether a reply is an error, or that of an EXEC with one in it.
func failed(r *wire.Reply) bool {
	for i := range r.Elems {
		if r.Elems[i].IsError() {
			return true
		}
	}
	return r.IsError()
}

// maxQueued is how many commands of an atomic run are sent before their QUEUED is received.
const maxQueued = 1024

// receiveQueued receives QUEUED for what was sent. Nothing of it has happened, whatever
// becomes of the peer.
func (d *Database) receiveQueued() error {
	f := &d.forwarding
	for ; f.queued > 0; f.queued-- {
		r, err := f.peer.Receive()
		if err != nil {
			return d.takeOver()
		}
		if err := replyErr(r); err != nil {
			return err
		}
	}
	return nil
}

// commitThere commits the atomic run in the peer. When it has left before, the run has been
// done again here, or is with another peer, and true is returned.
func (d *Database) commitThere() (again bool, err error) {
	f := &d.forwarding
	peer := f.peer
	if err := d.receiveQueued(); err != nil || f.peer != peer {
		return err == nil, err
	}
	r, err := d.ask("NUBDB", "COMMIT")
	if err == ErrLeft {
		return true, d.takeOver()
	}
	if err == nil && !r.IsError() {
		if err = d.receiveReplies(r.Int); err == nil {
			r, err = peer.Receive()
		}
	}
	if err != nil {
		return false, d.unknown(err)
	}
	f.sent.reset() // what follows a command that failed has no reply
	f.answered = 0
	if d.atomic.failed {
		return false, ErrRolledBack
	}
	return false, replyErr(r)
}

// receiveReplies receives n replies to the commands of an atomic run.
func (d *Database) receiveReplies(n int64) error {
	for ; n > 0 && d.forwarding.answered < len(d.forwarding.sent.list); n-- {
		r, err := d.forwarding.peer.Receive()
		if err != nil {
			return err
		}
		d.atomic.failed = d.atomic.failed || failed(r)
		d.answer(r)
	}
	return nil
}

// syncThere makes the peer put everything on stable storage. It returns false if the peer has
// gone, so that whoever has the database now has to.
func (d *Database) syncThere() (done bool, err error) {
	r, err := d.ask("FSYNC")
	if err != nil {
		return false, d.takeOver()
	}
	return true, replyErr(r)
}

// aside asks the peer's process over a connection of its own, which is not in MULTI.
func (d *Database) aside(words ...string) (*wire.Reply, error) {
	aside := Database{opt: d.opt}
	aside.forwarding.peer = d.opt.Connect(d.peerOptions())
	if aside.forwarding.peer == nil {
		return nil, engine.ErrBusy
	}
	defer aside.forwarding.peer.Close()
	r, err := aside.ask(words...)
	if err == nil {
		err = replyErr(r)
	}
	return r, err
}

// scanThere is Scan by the peer.
func (d *Database) scanThere(cursor uint64, count int, fn func(key []byte) bool) (next uint64, err error) {
	r, err := d.aside("SCAN", strconv.FormatUint(cursor, 10), "COUNT", strconv.Itoa(count))
	if err != nil {
		return 0, err
	}
	if len(r.Elems) != 2 {
		return 0, errors.New("SCAN: unexpected reply")
	}
	for i := range r.Elems[1].Elems {
		if !fn(r.Elems[1].Elems[i].Str) {
			return 0, nil
		}
	}
	return strconv.ParseUint(string(r.Elems[0].Str), 10, 64)
}
