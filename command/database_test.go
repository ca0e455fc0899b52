package command

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/wire"
)

// holdOn is a hold on the database of a file system.
func holdOn(fs vfs.FS, policy SyncPolicy) *Database {
	return NewDatabase(DatabaseOptions{
		Path: "/db", Sync: policy,
		Engine: engine.Options{FS: fs, Inline: true, LockTimeout: time.Minute},
		Reply:  func(*wire.Command, *wire.Reply) {},
	})
}

// split makes a command of words.
func split(text string) [][]byte {
	var args [][]byte
	for _, word := range strings.Fields(text) {
		args = append(args, []byte(word))
	}
	return args
}

func runs(t *testing.T, d *Database, commands ...string) (last wire.Reply) {
	t.Helper()
	for _, c := range commands {
		if last = d.Run(split(c)); last.IsError() {
			t.Fatalf("%s: %s", c, last.Str)
		}
	}
	return last
}

// What the policy promises about a reply holds across a power cut behind it.
func TestDurability(t *testing.T) {
	disk := vfs.NewCrash(1, vfs.CrashOptions{})
	durable := func() string {
		r := holdOn(disk.PowerLost(0), SyncEnd).Run(split("GET k"))
		return string(r.Str)
	}
	d := holdOn(disk, SyncAlways)
	runs(t, d, "SET k 1")
	if got := durable(); got != "1" {
		t.Errorf("always: k is %q behind the reply", got)
	}
	d.Close()

	d = holdOn(disk, SyncEnd)
	runs(t, d, "SET k 2")
	if got := durable(); got != "1" {
		t.Errorf("end: k is %q at once, so that the policy saves nothing", got)
	}
	if d.LetGo(); durable() != "2" {
		t.Error("end: not durable when the database is let go of")
	}
	runs(t, d, "WATCH other", "SET k 3")
	if d.Idle(time.Now().Add(syncEvery)); durable() != "3" {
		t.Error("end: not durable after a second")
	}
	runs(t, d, "SET k 4")
	if err := d.Close(); err != nil || durable() != "4" {
		t.Errorf("end: not durable at the end: %v", err)
	}
}

// A write that cannot be made durable is not acknowledged by SyncAlways, and nobody forgets
// it.
func TestFailureIsKept(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncAlways, SyncEnd, SyncNo} {
		disk := vfs.NewFault(vfs.NewMem())
		d := holdOn(disk, policy)
		runs(t, d, "SET k 1")
		disk.SetRules(vfs.Rule{Ops: vfs.OpWrite | vfs.OpDatasync, Err: syscall.EIO, Forever: true})
		if r := d.Run(split("SET k 2")); !r.IsError() {
			t.Errorf("policy %d: a SET that nobody will find answers %q", policy, r.Str)
		}
		d.LetGo()
		disk.SetRules()
		runs(t, d, "SET k 3") // the database goes on
		if err := d.Close(); !errors.Is(err, engine.ErrFailed) {
			t.Errorf("policy %d: the end says %v, want %v", policy, err, engine.ErrFailed)
		}
	}
}

// A database is let go of after 100 ms without a command, unless the session has something
// to lose.
func TestLetGoWhenIdle(t *testing.T) {
	for _, test := range []struct {
		name     string
		atomic   bool
		commands []string
		want     bool
	}{
		{"idle", false, []string{"PING"}, true},
		{"after EXEC", false, []string{"MULTI", "EXEC"}, true},
		{"in MULTI", false, []string{"MULTI"}, false},
		{"with WATCH", false, []string{"WATCH k"}, false},
		{"atomic", true, []string{"SET k 1"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := holdOn(vfs.NewMem(), SyncEnd)
			if test.atomic {
				d.Atomic(true)
			}
			runs(t, d, test.commands...)
			now := time.Now()
			for _, after := range []time.Duration{0, letGoAfter - time.Millisecond, letGoAfter + time.Millisecond} {
				if !d.Held() {
					t.Fatalf("let go before %v", after)
				}
				if err := d.Idle(now.Add(after)); err != nil {
					t.Fatal(err)
				}
			}
			if got := !d.Held(); got != test.want {
				t.Errorf("let go: %v, want %v", got, test.want)
			}
			d.Close()
		})
	}
}

// Whoever waits for Due and then calls Idle never does so for ever: a pipe that nobody
// writes to must not keep a processor busy.
func TestIdleEnds(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncEnd, SyncAlways, SyncNo} {
		for _, commands := range [][]string{{"SET k 1"}, {"GET k"}, {"MULTI"}, {"SET k 1", "MULTI", "SET k 2"}, {"WATCH k"}, {"WATCH k", "SET k 2"}} {
			d := holdOn(vfs.NewMem(), policy)
			runs(t, d, commands...)
			now := time.Now()
			turns := 0
			for due := d.Due(now); due >= 0; due = d.Due(now) {
				now = now.Add(due)
				if err := d.Idle(now); err != nil {
					t.Fatal(err)
				}
				if turns++; turns > int(letGoAfter/askEvery)+1 {
					t.Errorf("policy %d, %q: no end of it", policy, commands)
					break
				}
			}
			d.Close()
		}
	}
}

// An owner that has much to do lets go of a database that others wait for after 50 ms, and
// gets it back behind them.
func TestLetGoWhenWanted(t *testing.T) {
	fs := vfs.NewMem()
	d := holdOn(fs, SyncEnd)
	runs(t, d, "SET k 1")
	now := time.Now()
	if d.Between(now.Add(keepFor)); !d.Held() {
		t.Fatal("let go although nobody waits")
	}
	other := make(chan wire.Reply)
	go func() {
		o := holdOn(fs, SyncEnd)
		r := o.Run(split("INCR k"))
		o.Close()
		other <- r
	}()
	for deadline := time.Now().Add(time.Minute); !d.db.Wanted(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the other does not wait")
		}
	}
	d.hold.begin(now)
	for _, after := range []time.Duration{askEvery, keepFor - time.Millisecond} {
		if d.Between(now.Add(after)); !d.Held() {
			t.Fatalf("let go after %v", after)
		}
	}
	if d.Between(now.Add(keepFor + askEvery)); d.Held() {
		t.Fatal("held after 50 ms although somebody waits")
	}
	if r := runs(t, d, "INCR k"); r.Int != 3 {
		t.Errorf("INCR answers %d: it was not behind who waited", r.Int)
	}
	if r := <-other; r.Int != 2 {
		t.Errorf("who waited got %+v", r)
	}
	d.Close()
}

// Who sleeps, or asks for help, keeps the database from nobody.
func TestLocalCommandsNeedNoDatabase(t *testing.T) {
	d := holdOn(vfs.NewMem(), SyncEnd)
	runs(t, d, "HELP GET", "SLEEP 0", "QUIT")
	if d.Held() {
		t.Error("opened")
	}
	runs(t, d, "SET k 1", "SLEEP 0")
	if d.Held() {
		t.Error("held while it sleeps")
	}
	for spec := range All {
		if spec.Travel == Local && (spec.Has(Read) || spec.Has(Write)) {
			t.Errorf("%s runs in the client and needs the database", spec.Name)
		}
	}
}

// Interrupt ends a wait for the database.
func TestInterruptEndsWait(t *testing.T) {
	fs := vfs.NewMem()
	owner, d := holdOn(fs, SyncEnd), holdOn(fs, SyncEnd)
	runs(t, owner, "WATCH k", "SET k 1")
	d.Interrupt()
	if r := d.Run(split("GET k")); !strings.HasPrefix(string(r.Str), "BUSY ") {
		t.Errorf("got %+v, want BUSY", r)
	}
	owner.Close()
	if r := runs(t, d, "GET k"); string(r.Str) != "1" {
		t.Errorf("k is %q", r.Str)
	}
	d.Close()
}
