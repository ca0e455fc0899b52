package repl

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// syncEvery is the longest time that an acknowledged write is not on stable
// storage with command.SyncEnd.
const syncEvery = time.Second

// database is the shell's hold on the database. All that the shell does with the
// engine is here, so that between two commands it can be let go of: do opens it
// again.
type database struct {
	path   string
	engine engine.Options
	report func(fault string) // receives what VERIFY finds
	policy command.SyncPolicy

	mu      sync.Mutex // guards session against interrupt, which comes from another goroutine
	db      *engine.DB // nil while nobody needs it
	session *command.Session
	due     atomic.Bool // with command.SyncEnd: a sync will come by itself
	failed  error       // the first failure to make a write durable
}

// open opens the database, which may wait for another process.
func (d *database) open() error {
	if d.db != nil {
		return nil
	}
	db, err := engine.Open(d.path, d.engine)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.db = db
	instance := command.NewInstance(db, command.Settings{Path: d.path, MaxSize: d.engine.MaxSize, Sync: func() command.SyncPolicy { return d.policy }})
	d.session = instance.NewSession(command.Options{ReadOnly: d.engine.ReadOnly, Local: true, Report: d.report})
	return nil
}

// letGo makes durable what the policy wants to be, and closes the database. It
// returns the first failure to make anything durable since the beginning. Not in
// MULTI or WATCH, which it would end.
func (d *database) letGo() error {
	if d.db == nil {
		return d.failed
	}
	if d.policy == command.SyncNo {
		d.note(d.db.Flush())
	} else {
		d.note(d.db.Sync())
	}
	d.note(d.db.Close())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.db, d.session = nil, nil
	return d.failed
}

func (d *database) note(err error) {
	if d.failed == nil {
		d.failed = err
	}
}

// do runs a command. With command.SyncAlways it is durable when its reply is returned,
// which is valid until the next call.
func (d *database) do(args [][]byte) wire.Reply {
	if err := d.open(); err != nil {
		return wire.Error("ERR " + err.Error())
	}
	reply := d.session.Do(args)
	switch d.policy {
	case command.SyncAlways:
		// A failure is final to the engine: letGo will hear of it again.
		if err := d.db.Sync(); err != nil && !reply.IsError() {
			return wire.Error("ERR not on stable storage: " + err.Error())
		}
	case command.SyncEnd:
		d.syncSoon()
	}
	return reply
}

// syncSoon makes what was written durable after a while. That it fails is told by
// every later sync, too.
func (d *database) syncSoon() {
	if db := d.db; d.due.CompareAndSwap(false, true) {
		time.AfterFunc(syncEvery, func() {
			d.due.Store(false)
			db.Sync()
		})
	}
}

// interrupt ends the command under way. It may be called from any goroutine.
func (d *database) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		d.session.Interrupt()
	}
}

// clearInterrupt forgets an interrupt that came too late to end anything.
func (d *database) clearInterrupt() {
	if d.session != nil {
		d.session.ClearInterrupt()
	}
}

// size is the number of live keys.
func (d *database) size() (int64, error) {
	if err := d.open(); err != nil {
		return 0, err
	}
	tx, err := d.db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	return tx.Len()
}

func (d *database) exists() bool { return d.db != nil && d.db.Exists() }

func (d *database) inMulti() bool { return d.session != nil && d.session.InMulti() }

func (d *database) quit() bool { return d.session != nil && d.session.Quit() }
