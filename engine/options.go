package engine

import (
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// Limits in bytes.
const (
	MaxKey   = 1 << 20
	MaxValue = 512 << 20
)

// Type is the type of a value. Only strings exist today.
type Type uint8

// TypeString is a plain byte string.
const TypeString Type = 1

// Options configure Open. The zero value is right for most.
type Options struct {
	ReadOnly    bool
	LockTimeout time.Duration // how long Open (and the first Begin(true) of an absent database) waits for another process
	GiveUp      func() bool   // asked while it waits, at once and every 50 ms: true ends the wait with ErrBusy; nil never does
	// AllowNetwork opens databases on network file systems as well: whoever sets it knows that
	// only one machine uses the directory, and that its file system locks and maps rightly.
	AllowNetwork bool
	Owner        string       // command line shown to processes that wait for this one
	MaxSize      int64        // bytes of live data, 0 for no limit
	Clock        func() int64 // Unix time in milliseconds; nil is the system's
	Log          func(string) // progress of long recoveries, one line a call; nil drops it
	FS           vfs.FS       // nil is the operating system's; tests inject failures here

	// Verify, Backup and Repair tell every MiB or so how many bytes of about how many they
	// have read, and ask whether to give up: with ErrCanceled, leaving nothing. Both may be nil.
	Progress func(done, total int64)
	Canceled func() bool

	// Inline makes everything run in the goroutine of the caller: no syncing in the
	// background, for tests that must be repeatable.
	Inline bool

	tuning
}

// tuning is fixed but for tests, which want small numbers.
type tuning struct {
	segmentBits uint32
	// syncEvery is the log, in bytes, after which a background sync moves the newest
	// layer into the index: it bounds memory, and what kill -9 leaves to redo.
	syncEvery uint64
	// indexSyncEvery is the log, in bytes, that a recovery after a power cut redoes at
	// most, but for what was written during one index sync: about 0.3 s.
	indexSyncEvery uint64
	// maxPending entries in the newest layer make writers wait for the disk.
	maxPending int64
	// summaryEvery is the log, in bytes, after which another summary of expiries is due: a
	// process that asks for the number of keys reads as much, once.
	summaryEvery uint64
	// flushSize is how large the log's buffer grows before it is written, in bytes.
	flushSize int
	// slack is the log, in bytes, that is let be beyond twice the live bytes.
	slack int64
	// piece is the log, in bytes, that compaction goes through in one hold of the lock, if
	// that does not take longer than compactHold.
	piece uint64
}

var defaultTuning = tuning{
	segmentBits:    segmentBits,
	syncEvery:      1 << 20,
	indexSyncEvery: 64 << 20,
	maxPending:     256 << 10,
	summaryEvery:   4 << 20,
	flushSize:      256 << 10,
	slack:          1 << (segmentBits - 1),
	piece:          64 << 10,
}

func (o *Options) setDefaults(path string) {
	if o.tuning == (tuning{}) {
		o.tuning = defaultTuning
	}
	if o.Clock == nil {
		o.Clock = func() int64 { return time.Now().UnixMilli() }
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(done, total int64) {}
	}
	if o.Canceled == nil {
		o.Canceled = func() bool { return false }
	}
	if o.FS == nil && path == Memory {
		o.FS = vfs.NewMem()
	}
	if o.FS == nil {
		o.FS = vfs.OS
	}
}

// goOn tells how far a long operation is; ErrCanceled if it is to end here.
func (o *Options) goOn(done, total int64) error {
	o.Progress(done, total)
	if o.Canceled() {
		return ErrCanceled
	}
	return nil
}

// Memory is the path of a database that is kept nowhere.
const Memory = ":memory:"

// Item is a value with its properties. Value points into the database and must not be
// changed; it is valid until the end of the command: the next Savepoint, Commit or
// Rollback of the transaction that it came from.
type Item struct {
	Value    []byte
	Type     Type
	ExpireAt int64 // Unix time in milliseconds, 0 for never
}

// expired tells whether an expiry time has come by now.
func expired(at, now int64) bool { return at != 0 && at <= now }
