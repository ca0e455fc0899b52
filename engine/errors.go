package engine

import "errors"

// Errors of Open, and of the first Begin(true) of a database that does not exist.
var (
	// ErrBusy is returned when another process kept the database for longer than
	// Options.LockTimeout; the text names its pid and command.
	ErrBusy = errors.New("database is busy")
	// ErrNotFound is returned when Options.ReadOnly is set and there is no database.
	ErrNotFound = errors.New("database does not exist")
	// ErrNotOurs is returned when the path is a file, or a directory that holds
	// something else than a database.
	ErrNotOurs = errors.New("not a NubDB database")
	// ErrNetwork is returned when the directory is on a network file system, on which locks
	// and mappings cannot be relied on, and Options.AllowNetwork is not set.
	ErrNetwork = errors.New("database on a network file system")
	// ErrVersion is returned when a newer program wrote the database.
	ErrVersion = errors.New("database of a newer version")
)

// Errors of any operation.
var (
	// ErrCorrupt is returned when a checksum or an index entry is wrong; the text
	// names file and offset.
	ErrCorrupt = errors.New("database is damaged")
	// ErrFailed is returned by everything that writes after a write or an fsync has
	// failed: what Sync has not acknowledged may be lost. It wraps the cause.
	ErrFailed = errors.New("database has failed")
	// ErrExists is returned by Backup and Repair when the directory that they are to make is
	// there already and not empty.
	ErrExists = errors.New("target exists")
	// ErrCanceled is returned when Options.Canceled has said that nobody waits any more.
	ErrCanceled = errors.New("canceled")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("database is closed")
)

// Errors of writes; the command that got one has had no effect and others may follow.
var (
	// ErrReadOnly is returned by Begin(true) when Options.ReadOnly is set.
	ErrReadOnly = errors.New("database is read-only")
	// ErrFull is returned when the disk is full; deleting keys still works.
	ErrFull = errors.New("no space left on disk")
	// ErrMaxSize is returned when live data would exceed Options.MaxSize.
	ErrMaxSize = errors.New("maximum size reached")
	// ErrTooLarge is returned for a key over MaxKey or a value over MaxValue bytes.
	ErrTooLarge = errors.New("key or value too large")
)
