// Package engine is the database: bytes in, bytes out; it knows no commands.
//
// # Guarantees
//
//   - What was committed before Sync returned nil survives kill -9, power loss, a full
//     disk and a torn write. What was committed before Flush returned nil survives the
//     death of the process.
//   - A transaction is there as a whole or not at all, also after a crash.
//   - Damage is reported, never skipped: every byte of log, values and index that an
//     answer depends on has a checksum that is verified first.
//   - Opening costs the same whatever the number of keys, also after kill -9. After a
//     power cut the log since the last index sync is redone: 64 MiB and what was written
//     during one sync, or twice that and the size of the index where only short
//     processes ran.
//   - Keys, values and index are in mapped files, not on the heap.
//   - The log takes at most 2.5 times the live bytes and two segments, whoever writes:
//     one process for ever, or thousands for a moment each.
//
// # Caveats
//
//   - One process has a database at a time (flock). Network file systems lock and map
//     unreliably and must not be used.
//   - After a failed write or fsync nothing more is written: ErrFailed. Reopen.
//   - If a power cut takes the watermark of what was synced (two sectors of the index
//     file) and the very last frame is damaged as well, it is taken for a torn one.
//
// # How it works
//
// The log (log.go, record.go, commit.go, segment.go) is the database: a stream of
// records in frames. The index (index.go, slot.go, directory.go) is a hash table in a
// mapped file that finds a key's newest record, and can be made again from the log.
// What is committed but not yet durable is in the index's layers in memory
// (pending.go). Sync (sync.go) makes the log durable and then moves the layers into
// the index. Opening (recover.go) redoes what the index does not have yet. Compaction
// (compact.go) moves what counts from the log's beginning to its end.
// docs/FORMAT.md describes every byte on disk.
package engine
