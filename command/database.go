package command

import (
	"fmt"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// DatabaseOptions configure a Database. The zero value of a field means no more than its
// absence.
type DatabaseOptions struct {
	Path   string // directory, or engine.Memory
	Engine engine.Options
	Sync   SyncPolicy
	Report func(fault string) // receives each fault that VERIFY finds

	// Reply receives the reply of each command of Do, in their order. It is valid only
	// during the call, and not to be shown before Acknowledge has returned nil.
	Reply func(c *wire.Command, r *wire.Reply)
	// Synced is called when everything replied to so far has reached stable storage.
	Synced func()
	// Connect reaches the process that has the database, if that takes commands; nil if it
	// does not. The field may be nil, too.
	Connect func(PeerOptions) Peer
	// OneByOne makes sure that a command is answered before the next is begun, also in
	// another process.
	OneByOne bool
	// Waiting calls wait, which waits for another process; nil: wait is just called. It
	// may end the process meanwhile, and need not call wait.
	Waiting func(wait func())
}

// Database is a front end's hold on a database: a session, and an engine for as long as
// nobody else needs the files. It opens the database at the first command, lets go of it
// when it is idle or another process waits, and takes it back at the next command. While a
// server has the database it sends the commands there. The session does not notice.
//
// Guarantees: while MULTI is open, keys are watched, or an atomic run goes on, the database
// is kept. Before it is let go of, everything is as durable as the policy wants it to be at
// the end. A failure to make anything durable is never forgotten: Close returns it.
//
// A Database belongs to one goroutine at a time, Interrupt excepted.
type Database struct {
	opt      DatabaseOptions
	instance *Instance
	session  *Session
	db       *engine.DB // nil while nobody needs it
	exists   bool       // db is on disk; asking it would wait for the group under way
	grouped  bool       // between the first command of a group and Acknowledge or End
	atomic   atomicRun
	deliver  func(c *wire.Command, r *wire.Reply) // DatabaseOptions.Reply, but within Run
	dirty    bool                                 // something may have been written since the last sync that will be synced
	failed   error                                // the first failure to make something durable
	hold     hold

	forwarding forwarding
}

// atomicRun is the state of a run that happens whole or not at all.
type atomicRun struct {
	wanted bool // between Atomic and Commit or Rollback
	writes bool
	failed bool // a command that ran when nobody could be told to stop
}

// NewDatabase returns a hold on a database that has not been opened yet.
func NewDatabase(o DatabaseOptions) *Database {
	if o.Waiting == nil {
		o.Waiting = func(wait func()) { wait() }
	}
	if o.Synced == nil {
		o.Synced = func() {}
	}
	in := NewInstance(nil, Settings{Path: o.Path, MaxSize: o.Engine.MaxSize, Sync: func() SyncPolicy { return o.Sync }})
	s := in.NewSession(Options{ReadOnly: o.Engine.ReadOnly, Local: true, Report: o.Report})
	d := &Database{opt: o, instance: in, session: s, deliver: o.Reply}
	d.opt.Engine.GiveUp, d.opt.Engine.Canceled = d.giveUp, d.session.interrupted
	return d
}

// Open opens the database, for which it may wait for another process. Without it the first
// command does. The errors are those of engine.Open, and engine.ErrBusy also when Waiting
// did not let it wait.
func (d *Database) Open() error {
	if d.Held() {
		return nil
	}
	err := engine.ErrBusy
	d.opt.Waiting(func() { d.db, err = engine.Open(d.opt.Path, d.opt.Engine) })
	switch {
	case d.forwarding.peer != nil:
		return d.connected()
	case err != nil:
		return err
	}
	d.instance.attach(d.db, d.session)
	d.exists = d.db.Exists()
	d.hold.begin(time.Now())
	if !d.atomic.wanted {
		return nil
	}
	if err := d.create(d.atomic.writes); err != nil || d.forwarding.peer != nil {
		return err
	}
	return d.session.BeginAtomic()
}

// create deals with a database that was found not to exist: it makes it if something is to
// be written, or opens it if somebody else has made it, for which it may wait for that process
// or connect to it. A database that cannot be made is an error here; a command that found out
// would only answer one, as would all after it.
func (d *Database) create(writes bool) error {
	writes = writes && !d.opt.Engine.ReadOnly
	if d.exists || d.grouped && !writes {
		return nil
	}
	if err := d.End(); err != nil {
		return err
	}
	err := engine.ErrBusy
	d.opt.Waiting(func() {
		var tx *engine.Tx
		if tx, err = d.db.Begin(writes); err == nil {
			tx.Rollback()
			d.exists = d.db.Exists()
		}
	})
	if d.forwarding.peer != nil {
		return d.connected()
	}
	return err
}

// Do runs a command, of which spec is what Find says, as one of a group, which is a
// transaction that ends with End or Acknowledge. Its reply goes to DatabaseOptions.Reply. An
// error means that the command was not run, and that the database cannot be used. A memory
// fault, see engine.Fault, is for the caller to recover from, once for many commands, with
// Abandon.
func (d *Database) Do(spec *Spec, c *wire.Command) error {
	if spec != nil && (spec.Travel == Local || spec.Has(NoBatch)) {
		if err := d.collect(); err != nil {
			return err
		}
		if spec.Has(Immediate) || spec.Has(NoBatch) || !d.InMulti() && !(d.atomic.wanted && d.Held()) {
			return d.runLocal(spec, c)
		}
	}
	if err := d.prepare(spec); err != nil {
		return err
	}
	if d.forwarding.peer != nil {
		return d.forward(spec, c)
	}
	if !d.grouped && !d.atomic.wanted {
		d.session.Begin()
		d.grouped = true
	}
	d.deliver(c, d.session.Run(spec, c.Args))
	return nil
}

// runLocal runs a command that needs no database, or is refused. One that takes its time
// keeps the database from nobody.
func (d *Database) runLocal(spec *Spec, c *wire.Command) error {
	if f := &d.forwarding; spec.Has(NoBatch) && f.inMulti {
		f.tx.add(spec, c)
		f.spoiled = true
	}
	if spec.Has(OutsideTx) && d.canLetGo() {
		if err := d.LetGo(); err != nil {
			return err
		}
	}
	d.deliver(c, d.session.Run(spec, c.Args))
	return nil
}

// prepare provides the database for a command.
func (d *Database) prepare(spec *Spec) error {
	if err := d.Open(); err != nil {
		return err
	}
	writes := spec != nil && (spec.Has(Write) || spec.Has(EndsMulti))
	if writes {
		d.dirty = d.opt.Sync != SyncNo
	}
	if d.exists || d.atomic.wanted || d.session.InMulti() {
		return nil
	}
	return d.create(spec != nil && spec.Has(Write))
}

// Run runs a command by itself. Its reply is valid until the next call of Run or Do, and it
// is as safe as the policy wants it to be. It is an error also when the database cannot be
// used.
func (d *Database) Run(args [][]byte) (reply wire.Reply) {
	defer func() {
		d.deliver = d.opt.Reply
		if fault := engine.Fault(recover()); fault != nil {
			d.Abandon()
			reply = errorReply(fault)
		}
	}()
	d.deliver = func(_ *wire.Command, r *wire.Reply) { reply = d.session.kept.reply(*r) }
	if err := d.Do(d.Find(args), &wire.Command{Args: args}); err != nil {
		return errorReply(err)
	}
	err := d.Acknowledge()
	d.hold.used(time.Now())
	switch {
	case err != nil && d.failed == nil:
		return errorReply(err)
	case err != nil && !reply.IsError():
		return wire.Error("ERR not on stable storage: " + err.Error())
	}
	return reply
}

// Find is Find for a command that Do is to run: see Session.Find.
func (d *Database) Find(args [][]byte) *Spec { return d.session.Find(args) }

// Prefetch announces commands that will be run soon: see Session.Prefetch.
func (d *Database) Prefetch(n int, next func(i int) *wire.Command) { d.session.Prefetch(n, next) }

// Abandon undoes the group and, if there is one, the atomic run, after a fault of memory in
// the middle of a command. Their replies are void.
func (d *Database) Abandon() {
	d.grouped, d.atomic = false, atomicRun{}
	d.session.Rollback()
}

// End commits the group. After an error its replies are void.
func (d *Database) End() error {
	if err := d.collect(); err != nil {
		return err
	}
	if !d.grouped {
		return nil
	}
	d.grouped = false
	return d.note(d.session.End())
}

// Acknowledge ends the group and makes its effects as safe as the policy wants them to be
// before the replies are shown: with SyncAlways they are on stable storage, otherwise in
// the kernel. The replies since the last Acknowledge are void after an error.
func (d *Database) Acknowledge() error {
	if err := d.End(); err != nil {
		return err
	}
	switch {
	case d.atomic.wanted || !d.Held():
		return nil
	case d.forwarding.peer != nil && d.opt.Sync == SyncAlways: // the peer has synced
		d.synced()
		return nil
	case d.forwarding.peer != nil:
		return nil
	case d.opt.Sync == SyncAlways:
		return d.sync()
	}
	return d.note(d.db.Flush())
}

// Conclude is Acknowledge at the end of a run: what was replied to is as safe as the policy
// wants it to be then.
func (d *Database) Conclude() error {
	if err := d.Acknowledge(); err != nil || !d.dirty || d.atomic.wanted {
		return err
	}
	return d.sync()
}

// sync puts everything replied to on stable storage, or hands it to the kernel if the policy
// wants no more.
func (d *Database) sync() error {
	if d.opt.Sync == SyncNo {
		if d.db == nil { // the peer has handed it to the kernel
			return nil
		}
		return d.note(d.db.Flush())
	}
	d.hold.synced = time.Now()
	for done := false; !done; {
		err := d.Open()
		switch {
		case err != nil:
			err = fmt.Errorf("syncing: %v", err) // whatever it was, writes are in doubt now
			done = true
		case d.forwarding.peer != nil:
			done, err = d.syncThere()
		default:
			err = d.db.Sync()
			done = true
		}
		if d.note(err) != nil {
			return err
		}
	}
	d.synced()
	return nil
}

func (d *Database) synced() {
	d.dirty = false
	d.opt.Synced()
}

func (d *Database) note(err error) error {
	if d.failed == nil {
		d.failed = err
	}
	return err
}

// Atomic makes what follows one transaction, until Commit or Rollback. writes tells that a
// command in it may write: then a database that does not exist is made first.
func (d *Database) Atomic(writes bool) { d.atomic = atomicRun{wanted: true, writes: writes} }

// Commit ends an atomic run and keeps what it wrote. After an error nothing of it is kept,
// unless it is an UnknownOutcome.
func (d *Database) Commit() error {
	for d.forwarding.peer != nil {
		if again, err := d.commitThere(); !again {
			d.atomic = atomicRun{}
			d.dirty = false // the peer has synced
			return err
		}
	}
	failed := d.atomic.failed
	d.atomic = atomicRun{}
	switch {
	case d.db == nil:
		return nil
	case failed:
		d.session.Rollback()
		return ErrRolledBack
	}
	return d.note(d.session.Commit())
}

// Rollback ends an atomic run, if there is one, and undoes all of it.
func (d *Database) Rollback() {
	if d.atomic.wanted {
		d.atomic = atomicRun{}
		d.dirty = false
		d.disconnect()
		d.session.Rollback()
	}
}

// LetGo makes everything as durable as the policy wants it to be at the end and closes the
// database, which the next command opens again. Not in WATCH or an atomic run, which it
// would end.
func (d *Database) LetGo() error {
	err := d.End()
	if err == nil && d.failed == nil && (d.db != nil || d.dirty) {
		err = d.sync()
	}
	d.disconnect()
	if d.db == nil {
		return err
	}
	if e := d.note(d.db.Close()); err == nil {
		err = e
	}
	d.detach()
	return err
}

// detach forgets the engine, which is closed.
func (d *Database) detach() {
	d.db = nil
	d.instance.attach(nil, d.session)
}

// Suspend lets go of the database in any state: the keys that are watched count as changed
// then.
func (d *Database) Suspend() error {
	if d.forwarding.peer != nil {
		return nil // the peer has it
	}
	if d.db != nil && d.session.Watching() {
		d.session.watched.dirty = true
	}
	return d.LetGo()
}

// Close lets go of the database for good, and undoes an atomic run that was not committed. It
// returns the first failure to make anything durable since the beginning.
func (d *Database) Close() error {
	d.ClearInterrupt() // it has ended what it could
	d.Rollback()
	d.LetGo()
	d.session.Close()
	d.instance.Close()
	return d.failed
}

// Failed tells whether something could not be made durable.
func (d *Database) Failed() bool { return d.failed != nil }

// Held tells whether the database is open, here or in a peer.
func (d *Database) Held() bool { return d.db != nil || d.forwarding.peer != nil }

// Forwarded tells whether another process has the database and runs the commands.
func (d *Database) Forwarded() bool { return d.forwarding.peer != nil }

// Exists tells whether the database, which must be held, exists on disk.
func (d *Database) Exists() bool { return d.forwarding.peer != nil || d.db != nil && d.db.Exists() }

// Size is the number of keys, also in MULTI, where DBSIZE would be queued.
func (d *Database) Size() (int64, error) {
	if err := d.Open(); err != nil {
		return 0, err
	}
	if d.forwarding.peer != nil {
		r, err := d.aside("DBSIZE")
		if err != nil {
			return 0, err
		}
		return r.Int, nil
	}
	tx, err := d.db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	return tx.Len()
}

// Scan calls fn for live keys as engine.Tx.Scan does, also in MULTI, where SCAN would be
// queued.
func (d *Database) Scan(cursor uint64, count int, fn func(key []byte) bool) (next uint64, err error) {
	if err := d.Open(); err != nil {
		return 0, err
	}
	if d.forwarding.peer != nil {
		return d.scanThere(cursor, count, fn)
	}
	tx, err := d.db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	return tx.Scan(cursor, count, func(key []byte, _ engine.Item) bool { return fn(key) })
}

// InMulti tells whether commands are being queued for EXEC.
func (d *Database) InMulti() bool { return d.session.InMulti() || d.forwarding.inMulti }

// Quit tells whether QUIT or EXIT was run.
func (d *Database) Quit() bool { return d.session.Quit() }

// Interrupt ends the command under way, if that takes its time or waits for the database, or
// the next one, with an error. It may be called from any goroutine.
func (d *Database) Interrupt() {
	d.session.Interrupt()
	f := &d.forwarding
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.peer != nil {
		f.peer.Interrupt()
	}
	if f.stream != nil {
		f.stream.Interrupt()
	}
}

// ClearInterrupt forgets an interrupt that came too late to end anything.
func (d *Database) ClearInterrupt() {
	d.session.ClearInterrupt()
	if d.forwarding.peer != nil {
		d.forwarding.peer.ClearInterrupt()
	}
}
