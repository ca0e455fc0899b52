package command

import (
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Options configure a session. The zero value is right for batch runs and shells.
type Options struct {
	ReadOnly bool               // commands that write answer an error, also when queued
	Local    bool               // in the process of the database or on its own socket: no AUTH, and commands with the flag LocalOnly
	Report   func(fault string) // receives each fault that VERIFY finds; nil drops them

	// What CLIENT LIST shows of a connection.
	Addr      string // of the client; "" if there is no connection
	LocalAddr string
	FD        int

	// Push delivers a message of publish/subscribe or MONITOR. It is called from
	// any goroutine, also from within Do of this session; it must not block and, but
	// for Protocol, not call the session. The reply is valid only during the call.
	// What comes after Do has answered a SUBSCRIBE belongs behind that answer. nil:
	// there is nobody to deliver to, and commands with the flag NoBatch are errors.
	Push func(message *wire.Reply)

	// Kill disconnects the client for CLIENT KILL. It is called from the goroutines
	// of other sessions and must not block. nil: the client cannot be disconnected.
	Kill func()
}

// Session runs the commands of one client, script or shell, in order. It holds
// what outlives a command: the transaction of a group, the queue of MULTI, the
// watched keys.
type Session struct {
	reply wire.Reply // to the last command

	in  *Instance
	db  *engine.DB // that of in
	opt Options
	id  int64 // of CLIENT ID

	mustAuth      bool          // a password is demanded and was not given yet
	protocol      atomic.Int32  // of RESP, 2 or 3; read by other goroutines that push
	subscriptions atomic.Int64  // to channels and patterns
	monitoring    atomic.Bool   // MONITOR was run
	mute          atomic.Uint32 // a mute: replies that the client does not want; read by those that report to MONITOR
	silent        bool          // the reply to the last command is such a one
	behind        []wire.Reply  // lines of MONITOR about the last command
	peer          peer          // guarded by in.mu

	known *Spec         // what Find found last
	last  *Spec         // the last command
	tally tally         // what in.totals does not have yet
	clock time.Duration // in.elapsed at the end of the last command of the group that was timed; 0: not known

	tx       *engine.Tx // nil between commands outside groups and atomic runs
	writable bool       // tx may write
	group    bool       // between Begin and End
	atomic   bool       // between BeginAtomic and Commit or Rollback
	lost     error      // a commit in the middle of the group failed: End answers it

	multi   queue
	watched watchList
	running int32 // the commands that EXEC runs, 0 otherwise
	quit    bool

	interrupt chan struct{} // holds one token while an interrupt is pending

	scratch []byte       // for the value that a command is making, or the text it answers
	elems   []wire.Reply // for the elements of an array that a command answers
	kept    arena        // for replies that outlive their transaction or command
	ahead   [][]byte     // keys of commands to come, for Prefetch
	coming  int          // commands of this group that have been announced
}

// Protocol is the version of RESP that the client speaks, 2 or 3. HELLO answers
// in the version that it changes to. It may be called from any goroutine.
func (s *Session) Protocol() int { return int(s.protocol.Load()) }

// Authenticated tells whether the client has passed AUTH or does not have to.
func (s *Session) Authenticated() bool { return !s.mustAuth || !s.in.RequiresPassword() }

// Subscribed tells whether the session has subscriptions or monitors, so that it
// must not be taken for idle or let go of. It may be called from any goroutine.
func (s *Session) Subscribed() bool { return s.subscriptions.Load() > 0 || s.monitoring.Load() }

// Silent tells whether the reply of the last Do is not to be sent, by CLIENT REPLY.
func (s *Session) Silent() bool { return s.silent }

// Begin starts a group: until End, commands share one transaction of the engine,
// which costs less than one each and holds the database. It begins with the first command
// that needs it, as a reader, and becomes a writer with the first that writes:
// other sessions may write in between, but not within or after that command.
// A command with the flag OutsideTx ends it and leaves the group open.
func (s *Session) Begin() { s.group = true }

// Follow goes on with the group of another session, which then has none: so the commands
// of several sessions, one after the other, share one transaction.
func (s *Session) Follow(other *Session) {
	other.note()
	s.tx, s.writable, s.lost, s.group = other.tx, other.writable, other.lost, true
	other.tx, other.lost, other.group = nil, nil, false
}

// End commits the group. An error means that the engine has failed and that the
// replies since the last End may be of commands that did not happen. In an atomic
// run it does nothing.
func (s *Session) End() error {
	s.group = false
	s.note()
	err := s.lost
	s.lost = nil
	if s.atomic {
		return err
	}
	if e := s.release(); err == nil {
		err = e
	}
	return err
}

// BeginAtomic starts a run in which all commands are one transaction, until
// Commit or Rollback. MULTI and EXEC inside have no commit of their own. Commands
// that CheckAtomic refuses answer an error.
func (s *Session) BeginAtomic() error {
	if err := s.release(); err != nil {
		return err
	}
	// A database that does not exist is made by the first command that writes,
	// so a run that only reads makes none.
	if err := s.begin(s.db.Exists() && !s.opt.ReadOnly); err != nil {
		return err
	}
	s.atomic = true
	return nil
}

// Commit ends an atomic run and keeps what it wrote. After an error nothing of
// it is kept.
func (s *Session) Commit() error {
	s.atomic = false
	return s.release()
}

// Rollback ends an atomic run and undoes all of it, the queue of MULTI and the
// watched keys included.
func (s *Session) Rollback() {
	s.atomic = false
	if s.tx != nil {
		s.tx.Rollback()
		s.tx = nil
	}
	s.multi.reset()
	s.watched.reset()
}

// InMulti tells whether commands are being queued for EXEC.
func (s *Session) InMulti() bool { return s.multi.open }

// Watching tells whether keys are watched.
func (s *Session) Watching() bool { return s.watched.active() }

// Quit tells whether QUIT or EXIT was run: the front end should end the session.
// Such a command answers OK, which front ends without a connection do not show.
func (s *Session) Quit() bool { return s.quit }

// Interrupt ends a SLEEP or a long KEYS in progress, or the next one if none is,
// with an error. It may be called from any goroutine.
func (s *Session) Interrupt() {
	select {
	case s.interrupt <- struct{}{}:
	default: // one is pending already
	}
}

// ClearInterrupt forgets an interrupt that came too late to end anything. A
// shell calls it before it reads the next line.
func (s *Session) ClearInterrupt() { s.interrupted() }

// interrupted tells whether an interrupt is pending, and takes it.
func (s *Session) interrupted() bool {
	select {
	case <-s.interrupt:
		return true
	default:
		return false
	}
}

// MayWait tells whether a command, of which spec is what Find says, may take its time
// because it sleeps, syncs, goes through all keys, or waits for the end of CLIENT PAUSE. A front end that serves
// others in the same goroutine runs it in another one.
func (s *Session) MayWait(spec *Spec) bool {
	if s.in.attention.Load()&paused != 0 {
		return true
	}
	return spec != nil && spec.Flags&(OutsideTx|Long) != 0 && !s.multi.open
}

// Find is Find for a command that the session is to run. Most follow one of the same name,
// in capitals: to look there first saves 2 % of a bulk load and of a GET.
func (s *Session) Find(args [][]byte) *Spec {
	if s.known != nil && s.known.Name == string(args[0]) {
		return s.known
	}
	spec := Find(args)
	if spec != nil && spec.Sub == nil && spec.Name == string(args[0]) { // no subcommand: its name is two words
		s.known = spec
	}
	return spec
}

// Do runs one command; args[0] is its name. Outside Begin and End it is a
// transaction by itself. The reply is valid until the next call of Do, End,
// Commit or Rollback. args may be reused afterwards.
func (s *Session) Do(args [][]byte) wire.Reply {
	if len(args) == 0 {
		return wire.None
	}
	return *s.Run(s.Find(args), args)
}

// Run is Do for a command of which spec is what Find says. The reply is the session's, not to
// be copied at each step of the way.
func (s *Session) Run(spec *Spec, args [][]byte) *wire.Reply {
	s.recycle()
	mute := s.mute.Load()
	if s.silent = mute != heard; mute == skipNext {
		s.mute.Store(heard)
	}
	r := &s.reply
	*r = wire.Reply{}
	err := s.dispatch(spec, args, r)
	if s.tx != nil && !s.group && !s.atomic {
		// The reply may point into the database, which the transaction holds.
		*r = s.kept.reply(*r)
		if e := s.release(); err == nil {
			err = e
		}
	}
	if !s.group && !s.atomic {
		s.note()
	}
	if err != nil {
		*r = s.in.errorReply(err)
	}
	if s.behind != nil {
		s.addBehind(r)
	}
	return r
}

// errorReply is errorReply that the instance counts.
func (in *Instance) errorReply(err error) wire.Reply {
	r := errorReply(err)
	if in.stats != nil {
		in.noteError(string(r.Str))
	}
	return r
}

// dispatch runs a command, or queues it between MULTI and EXEC.
func (s *Session) dispatch(spec *Spec, args [][]byte, r *wire.Reply) error {
	if spec == nil {
		s.last = nil
		s.multi.fail()
		_, err := find(args)
		return err
	}
	s.last = spec
	if err := s.admit(spec, args); err != nil {
		s.in.noteRejected(spec)
		return s.refuse(spec, args, err)
	}
	if s.in.attention.Load()&paused != 0 {
		if err := s.awaitUnpause(spec.Flags | s.multi.flagsFor(spec)); err != nil {
			return err
		}
	}
	if s.multi.open && spec.Flags&Immediate == 0 {
		s.multi.add(spec, args)
		*r = wire.Queued
		return nil
	}
	return s.execute(spec, args, r)
}

// admit makes the checks that need nothing but the command and the state of the
// session, in Valkey's order.
func (s *Session) admit(spec *Spec, args [][]byte) error {
	switch {
	case !spec.Accepts(len(args)):
		return spec.wrongArity(args)
	case s.mustAuth && !spec.Has(NoAuth) && !s.Authenticated():
		return errNoAuth
	case s.opt.Push == nil && spec.Has(NoBatch):
		return notInBatch(spec)
	case !s.opt.Local && spec.Has(LocalOnly):
		return notRemote(spec)
	case s.multi.open && spec.Has(NoMulti):
		return errNotInMulti
	case s.atomic && spec.Has(NoAtomic):
		return notAtomic(spec, args[0])
	case s.opt.ReadOnly && spec.Has(Write):
		return errReadOnly
	case s.subscriptions.Load() > 0 && !spec.Has(PubSub) && s.Protocol() == 2:
		return notSubscribed(spec)
	case s.monitoring.Load() && spec.Flags&(Read|Write|Replicated) != 0 && !spec.Has(Immediate): // WATCH is nothing but a note
		return errMonitor
	}
	return nil
}

// perform runs a command in the transaction that it needs. One that fails leaves
// no trace.
func (s *Session) perform(spec *Spec, args [][]byte, r *wire.Reply) (err error) {
	if err := s.enter(spec.Flags); err != nil {
		return err
	}
	if s.tx == nil {
		return spec.run(s, args, r)
	}
	if spec.Flags&Write != 0 && s.watched.active() {
		if err := s.watched.compare(s.tx); err != nil {
			return err
		}
	}
	var savepoint engine.Savepoint
	s.tx.Savepoint(&savepoint)
	err = spec.run(s, args, r)
	if err != nil && spec.Flags&Write != 0 {
		s.tx.RollbackTo(&savepoint)
	}
	return err
}

// enter provides the transaction that commands with these flags run in.
func (s *Session) enter(flags Flag) error {
	switch {
	case flags&OutsideTx != 0 && !s.atomic:
		return s.interlude()
	case flags&Write != 0 && s.tx != nil && !s.writable:
		if err := s.interlude(); err != nil {
			return err
		}
		return s.begin(true)
	case flags&(Read|Write) != 0 && s.tx == nil:
		return s.begin(flags&Write != 0)
	}
	return nil
}

func (s *Session) begin(writable bool) error {
	tx, err := s.db.Begin(writable)
	if err != nil {
		return err
	}
	s.tx, s.writable = tx, writable
	return nil
}

// release commits the transaction, if there is one.
func (s *Session) release() error {
	if s.tx == nil {
		return nil
	}
	tx := s.tx
	s.tx = nil
	return tx.Commit()
}

// interlude commits the transaction in the middle of a group, whose replies are
// void if that fails.
func (s *Session) interlude() error {
	err := s.release()
	if err != nil && s.group {
		s.lost = err
	}
	return err
}

// maxIdle is how much memory in bytes a session keeps from one command to the next.
const maxIdle = 1 << 20

// recycle makes the memory of the last reply available again.
func (s *Session) recycle() {
	if cap(s.scratch) > maxIdle {
		s.scratch = nil
	}
	s.scratch = s.scratch[:0]
	s.elems = s.elems[:0]
	s.kept.reset()
}
