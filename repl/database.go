package repl

import (
	"sync"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// database is the shell's hold on the database. While the shell waits for keys a timer does
// what is due: it syncs, and lets go of the database, which the next command takes back.
type database struct {
	mu   sync.Mutex // guards hold (but for interrupt) and timer
	hold *command.Database
	rest *time.Timer

	replied func(c *wire.Command, r *wire.Reply) // during group
}

func newDatabase(cfg Config) *database {
	d := &database{}
	d.hold = command.NewDatabase(command.DatabaseOptions{
		Path: cfg.DB, Engine: cfg.Engine, Sync: cfg.Sync, Report: say, Connect: cfg.Connect,
		Waiting: sayWaiting,
		Reply:   func(c *wire.Command, r *wire.Reply) { d.replied(c, r) },
	})
	d.rest = time.AfterFunc(time.Hour, d.idle)
	d.rest.Stop()
	return d
}

// sayAfter is how long somebody waits for another process without being told why.
const sayAfter = 500 * time.Millisecond

// sayWaiting waits for another process, and says so if that takes its time.
func sayWaiting(wait func()) {
	soon := time.AfterFunc(sayAfter, func() { say("waiting for the process that has the database; Ctrl-C gives up") })
	defer soon.Stop()
	wait()
}

// open opens the database, which may wait for another process.
func (d *database) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	return d.hold.Open()
}

// do runs a command. With command.SyncAlways it is durable when its reply is returned,
// which is valid until the next call.
func (d *database) do(args [][]byte) wire.Reply {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	return d.hold.Run(args)
}

// group runs the commands that next returns, which is given their number so far, up to nil or
// QUIT. Their replies go to replied, and are not to be shown before group has returned nil:
// then all of it is as durable as the policy wants it to be.
func (d *database) group(next func(n int) *wire.Command, replied func(c *wire.Command, r *wire.Reply)) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	defer func() {
		if fault := engine.Fault(recover()); fault != nil {
			d.hold.Abandon()
			err = fault
		}
	}()
	d.replied = func(c *wire.Command, r *wire.Reply) {
		if !d.hold.Quit() {
			replied(c, r)
		}
	}
	n := 0
	for c := next(n); c != nil && !d.hold.Quit(); c = next(n) {
		if err := d.hold.Do(command.Find(c.Args), c); err != nil {
			return err
		}
		n++
	}
	if err := d.hold.Acknowledge(); err != nil {
		return err
	}
	return d.hold.Between(time.Now())
}

// follow is command.Database.Follow.
func (d *database) follow(args [][]byte, deliver func(*wire.Reply)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	return d.hold.Follow(args, deliver)
}

// idle is what the timer does. A failure is not forgotten: close returns it.
func (d *database) idle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold.Idle(time.Now())
	d.restLater()
}

// restLater sets the timer to when something is due. It needs mu.
func (d *database) restLater() {
	if due := d.hold.Due(time.Now()); due >= 0 {
		d.rest.Reset(due)
	}
}

// suspend lets go of the database whatever state the session is in.
func (d *database) suspend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold.Suspend()
}

// close lets go of the database for good, as durable as the policy wants it to be. It returns
// the first failure to make anything durable since the beginning.
func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest.Stop()
	return d.hold.Close()
}

// interrupt ends the command under way. It may be called from any goroutine.
func (d *database) interrupt() { d.hold.Interrupt() }

// clearInterrupt forgets an interrupt that came too late to end anything.
func (d *database) clearInterrupt() { d.hold.ClearInterrupt() }

// size is the number of live keys.
func (d *database) size() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	return d.hold.Size()
}

// scan is command.Database.Scan, but gives up when another process keeps the database for
// longer than patience.
func (d *database) scan(cursor uint64, count int, patience time.Duration, fn func(key []byte) bool) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.restLater()
	if !d.hold.Held() {
		given := make(chan struct{})
		alarm := time.AfterFunc(patience, func() { d.hold.Interrupt(); close(given) })
		err := d.hold.Open()
		if !alarm.Stop() {
			<-given
			d.hold.ClearInterrupt()
		}
		if err != nil {
			return 0, err
		}
	}
	return d.hold.Scan(cursor, count, fn)
}

// yield lets go of the database now, unless the session would notice: the shell is about
// to wait for something else, and can be stopped there without being asked.
func (d *database) yield() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold.Idle(time.Now().Add(time.Hour)) // as if nothing had been done for as long as that
}

func (d *database) exists() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hold.Exists()
}

func (d *database) inMulti() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hold.InMulti()
}

func (d *database) quit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hold.Quit()
}
