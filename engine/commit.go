package engine

import "encoding/binary"

// Records come in frames; a frame holds the writes of one transaction, or of a
// group of commands that were executed together, and ends in a commit record,
// without which none of it counts. Its value is 56 bytes:
//
//	 0       4     8      16         24      32       40        48
//	+-------+-----+------+----------+-------+--------+---------+------+
//	| chain |files| keys | expiring | bytes | synced | summary | time |
//	| u32   | u32 | u64  | u64      | u64   | u64    | u64     | u64  |
//	+-------+-----+------+----------+-------+--------+---------+------+
//
// chain is the running CRC-32C of all records of the log before this one, so that
// a frame fits only behind the frame it was written behind. synced is the address
// up to which the log was known to be on stable storage when the frame was written.
const (
	commitValue  = 56
	commitRecord = 64 // bytes in the log
)

// counters describe the database as of the end of a frame.
type counters struct {
	keys     int64  // keys in the index, expired ones not yet replaced included
	expiring int64  // those of them that have an expiry
	bytes    int64  // log bytes of their records, and value files
	summary  uint64 // address of the newest expiry summary, 0 if there is none
	files    uint32 // pages of value files, see filePages
}

// commit is the content of a commit record.
type commit struct {
	chain uint32
	counters
	synced uint64
	time   int64 // Unix time in ms
}

func (c *commit) encode(b *[commitValue]byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], c.chain)
	le.PutUint32(b[4:], c.files)
	le.PutUint64(b[8:], uint64(c.keys))
	le.PutUint64(b[16:], uint64(c.expiring))
	le.PutUint64(b[24:], uint64(c.bytes))
	le.PutUint64(b[32:], c.synced)
	le.PutUint64(b[40:], c.summary)
	le.PutUint64(b[48:], uint64(c.time))
}

// decodeCommit decodes a commit record's value.
func decodeCommit(b []byte) (c commit, err error) {
	if len(b) != commitValue {
		return c, errBadRecord
	}
	le := binary.LittleEndian
	c.chain = le.Uint32(b[0:])
	c.files = le.Uint32(b[4:])
	c.keys = int64(le.Uint64(b[8:]))
	c.expiring = int64(le.Uint64(b[16:]))
	c.bytes = int64(le.Uint64(b[24:]))
	c.synced = le.Uint64(b[32:])
	c.summary = le.Uint64(b[40:])
	c.time = int64(le.Uint64(b[48:]))
	return c, nil
}
