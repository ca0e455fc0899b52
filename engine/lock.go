package engine

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/nubdb/nubdb/engine/vfs"
)

// LOCK is what a process locks that has the database open; it is never removed. The
// owner writes its pid and command there, for others to show; who writes nothing
// because the database is only read leaves what was there.
const (
	lockName  = "LOCK"
	queueName = "LOCK.queue" // what package vfs makes of it
	ownerSize = 256          // bytes, padded with newlines
)

// acquire takes the lock, waiting for another process if need be.
func (db *DB) acquire() error {
	name := join(db.dir, lockName)
	lock, err := db.fs.Lock(name, db.opt.ReadOnly, db.opt.LockTimeout, db.opt.GiveUp)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return fmt.Errorf("%w: %s is in use%s", ErrBusy, db.dir, db.owner(name))
	case err != nil && db.opt.ReadOnly && cannotLock(err):
		return nil // a medium or directory that nobody can write to needs no lock
	case err != nil:
		return err
	}
	db.lock = lock
	if !db.opt.ReadOnly {
		db.sign(name)
	}
	return nil
}

func cannotLock(err error) bool {
	return errors.Is(err, iofs.ErrNotExist) || errors.Is(err, iofs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// sign writes who has the lock. It only serves an error text: failing is no harm.
func (db *DB) sign(name string) {
	f, err := db.fs.OpenFile(name, os.O_RDWR)
	if err != nil {
		return
	}
	defer f.Close()
	b := []byte(strings.Repeat("\n", ownerSize))
	copy(b[:ownerSize-1], fmt.Sprintf("%d %s", os.Getpid(), db.opt.Owner))
	f.WriteAt(b, 0)
}

// owner returns " by process 123 (command)", or nothing if that is not known: who reads
// has not signed, and who has may be gone.
func (db *DB) owner(name string) string {
	f, err := db.fs.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, ownerSize)
	n, _ := f.ReadAt(b, 0)
	number, command, _ := strings.Cut(strings.TrimSpace(string(b[:n])), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 0 || syscall.Kill(pid, 0) == syscall.ESRCH {
		return ""
	}
	return fmt.Sprintf(" by process %d (%s)", pid, command)
}

// Wanted tells whether another process waits for the database, which a process that keeps
// it for long should give it then (Close, and Open again: it queues behind those who wait).
// It costs two system calls.
func (db *DB) Wanted() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.lock != nil && db.lock.Wanted()
}

// unlock gives the lock back.
func (db *DB) unlock() {
	if db.lock != nil {
		db.lock.Close()
		db.lock = nil
	}
}
