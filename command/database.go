package command

import (
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
	// Waiting calls wait, which waits for another process; nil: wait is just called. It
	// may end the process meanwhile, and need not call wait.
	Waiting func(wait func())
}

// Database is a front end's hold on a database: a session, and an engine for as long as
// nobody else needs the files. It opens the database at the first command, lets go of it
// when it is idle or another process waits, and takes it back at the next command. The
// session does not notice.
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
	dirty    bool  // something may have been written since the last sync that will be synced
	failed   error // the first failure to make something durable
	hold     hold
	reply    wire.Reply // of the last command of Do
}

// atomicRun is the state of a run that happens whole or not at all.
type atomicRun struct {
	wanted bool // between Atomic and Commit or Rollback
	writes bool
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
	d := &Database{opt: o, instance: in, session: s}
	d.opt.Engine.GiveUp, d.opt.Engine.Canceled = d.session.interrupted, d.session.interrupted
	return d
}

// Open opens the database, for which it may wait for another process. Without it the first
// command does. The errors are those of engine.Open, and engine.ErrBusy also when Waiting
// did not let it wait.
func (d *Database) Open() error {
	if d.db != nil {
		return nil
	}
	err := engine.ErrBusy
	d.opt.Waiting(func() { d.db, err = engine.Open(d.opt.Path, d.opt.Engine) })
	if err != nil {
		return err
	}
	d.instance.attach(d.db, d.session)
	d.exists = d.db.Exists()
	d.hold.begin(time.Now())
	if !d.atomic.wanted {
		return nil
	}
	if d.atomic.writes {
		if err := d.create(); err != nil {
			return err
		}
	}
	return d.session.BeginAtomic()
}

// create makes the database if it does not exist, which may wait for another process that
// does the same. A database that cannot be made is an error here; a command that found out
// would only answer one, as would all after it.
func (d *Database) create() error {
	if d.exists || d.opt.Engine.ReadOnly {
		return nil
	}
	if err := d.End(); err != nil {
		return err
	}
	err := engine.ErrBusy
	d.opt.Waiting(func() {
		var tx *engine.Tx
		if tx, err = d.db.Begin(true); err == nil {
			tx.Rollback()
			d.exists = true
		}
	})
	return err
}

// Do runs a command, of which spec is what Find says, as one of a group, which is a
// transaction that ends with End or Acknowledge. Its reply goes to DatabaseOptions.Reply. An
// error means that the command was not run, and that the database cannot be used. A memory
// fault, see engine.Fault, is for the caller to recover from, once for many commands, with
// Abandon.
func (d *Database) Do(spec *Spec, c *wire.Command) error {
	if err := d.prepare(spec); err != nil {
		return err
	}
	if !d.grouped && !d.atomic.wanted && d.db != nil {
		d.session.Begin()
		d.grouped = true
	}
	d.session.Run(spec, c.Args, &d.reply)
	d.opt.Reply(c, &d.reply)
	return nil
}

// Run runs a command by itself. Its reply is valid until the next call of Run or Do, and it
// is as safe as the policy wants it to be. It is an error also when the database cannot be
// used.
func (d *Database) Run(args [][]byte) (r wire.Reply) {
	defer func() {
		if fault := engine.Fault(recover()); fault != nil {
			d.Abandon()
			r = errorReply(fault)
		}
	}()
	spec := Find(args)
	if err := d.prepare(spec); err != nil {
		return errorReply(err)
	}
	d.session.Run(spec, args, &r)
	if err := d.Acknowledge(); err != nil && !r.IsError() {
		return wire.Error("ERR not on stable storage: " + err.Error())
	}
	d.hold.used(time.Now())
	return r
}

// prepare provides what a command needs. One that runs in the client needs no database, and
// one that takes its time outside of a transaction keeps it from nobody.
func (d *Database) prepare(spec *Spec) error {
	if spec != nil && spec.Travel == Local && !d.InMulti() {
		if spec.Has(OutsideTx) && d.canLetGo() {
			return d.LetGo()
		}
		return nil
	}
	if err := d.Open(); err != nil {
		return err
	}
	if spec == nil || !spec.Has(Write) && !spec.Has(EndsMulti) {
		return nil
	}
	d.dirty = d.opt.Sync != SyncNo
	if d.exists || d.atomic.wanted || d.session.InMulti() {
		return nil
	}
	return d.create()
}

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
	case d.db == nil, d.atomic.wanted:
		return nil
	case d.opt.Sync == SyncAlways:
		return d.sync()
	}
	return d.note(d.db.Flush())
}

// sync puts everything replied to on stable storage, or hands it to the kernel if the policy
// wants no more.
func (d *Database) sync() error {
	if d.opt.Sync == SyncNo {
		return d.note(d.db.Flush())
	}
	d.hold.synced = time.Now()
	if err := d.note(d.db.Sync()); err != nil {
		return err
	}
	d.dirty = false
	d.opt.Synced()
	return nil
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

// Commit ends an atomic run and keeps what it wrote. After an error nothing of it is kept.
func (d *Database) Commit() error {
	d.atomic = atomicRun{}
	if d.db == nil {
		return nil
	}
	return d.note(d.session.Commit())
}

// Rollback ends an atomic run, if there is one, and undoes all of it.
func (d *Database) Rollback() {
	if d.atomic.wanted {
		d.atomic = atomicRun{}
		d.session.Rollback()
	}
}

// LetGo makes everything as durable as the policy wants it to be at the end and closes the
// database, which the next command opens again. Not in WATCH or an atomic run, which it
// would end.
func (d *Database) LetGo() error {
	if d.db == nil {
		return nil
	}
	err := d.End()
	if err == nil && d.failed == nil {
		err = d.sync()
	}
	if e := d.note(d.db.Close()); err == nil {
		err = e
	}
	d.db = nil
	d.instance.attach(nil, d.session)
	return err
}

// Suspend lets go of the database in any state: the keys that are watched count as changed
// then.
func (d *Database) Suspend() error {
	if d.db != nil && d.session.Watching() {
		d.session.watched.dirty = true
	}
	return d.LetGo()
}

// Close lets go of the database for good, and undoes an atomic run that was not committed. It
// returns the first failure to make anything durable since the beginning.
func (d *Database) Close() error {
	d.Rollback()
	d.LetGo()
	d.session.Close()
	d.instance.Close()
	return d.failed
}

// Held tells whether the database is open.
func (d *Database) Held() bool { return d.db != nil }

// Exists tells whether the database, which must be held, exists on disk.
func (d *Database) Exists() bool { return d.db != nil && d.db.Exists() }

// Size is the number of keys, also in MULTI, where DBSIZE would be queued.
func (d *Database) Size() (int64, error) {
	if err := d.Open(); err != nil {
		return 0, err
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
	tx, err := d.db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	return tx.Scan(cursor, count, func(key []byte, _ engine.Item) bool { return fn(key) })
}

// InMulti tells whether commands are being queued for EXEC.
func (d *Database) InMulti() bool { return d.session.InMulti() }

// Quit tells whether QUIT or EXIT was run.
func (d *Database) Quit() bool { return d.session.Quit() }

// Interrupt ends the command under way, if that takes its time or waits for the database, or
// the next one, with an error. It may be called from any goroutine.
func (d *Database) Interrupt() { d.session.Interrupt() }

// ClearInterrupt forgets an interrupt that came too late to end anything.
func (d *Database) ClearInterrupt() { d.session.ClearInterrupt() }
