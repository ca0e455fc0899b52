package engine

import (
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

func TestObsolete(t *testing.T) {
	g := geometry{minSegmentBits}
	at := g.start(3)
	var o obsolete
	for _, addr := range []uint64{at, at + 8, g.start(4) - segmentHeader - 8, g.start(3 + obsoleteSegments - 1)} {
		if o.has(g, addr) {
			t.Errorf("%#x is obsolete before it is marked", addr)
		}
		o.mark(g, addr, at)
		if !o.has(g, addr) {
			t.Errorf("%#x is not obsolete although it was marked", addr)
		}
	}
	if o.has(g, at+16) {
		t.Error("a record is obsolete because the one before it is")
	}
	for name, addr := range map[string]uint64{"behind compaction": g.start(2), "too far before it": g.start(3 + obsoleteSegments)} {
		if o.mark(g, addr, at); o.has(g, addr) {
			t.Errorf("%#x, %s, is followed", addr, name)
		}
	}
	// The memory of a segment that was compacted serves another one, which has its own marks.
	next := g.start(3+obsoleteSegments) + 64
	if o.mark(g, next, g.start(4)); !o.has(g, next) || o.has(g, next-64) || o.has(g, at) {
		t.Error("marks of the segment before are still there")
	}
}

// TestOutdate: a commit tells compaction which records of the newest layer it has replaced; what
// was rolled back tells nothing.
func TestOutdate(t *testing.T) {
	db := mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, tuning: crowded})
	put := func() (addr uint64) {
		update(t, db, func(tx *Tx) {
			must(t, tx.Put([]byte("key"), text("value")))
			addr = db.log.end - uint64(recordSize(&record{kind: kindValue + 1, key: []byte("key"), value: []byte("value")}))
		})
		return addr
	}
	outdated := func(addr uint64) bool { return db.compaction.obsolete.has(db.log.geometry, addr) }
	first := put()
	tx, err := db.Begin(true)
	must(t, err)
	must(t, tx.Put([]byte("key"), text("taken back")))
	tx.Rollback()
	if outdated(first) {
		t.Error("a write that was rolled back has outdated the record")
	}
	second := put()
	if !outdated(first) || outdated(second) {
		t.Errorf("the first is outdated: %v, the second: %v", outdated(first), outdated(second))
	}
	must(t, db.Close())
}
